package models

import (
	"strings"
	"testing"

	"example.com/lowbit/netrun/nn"
)

// Every shipped network can be read and made ready to run.
func TestLoad(t *testing.T) {
	for _, name := range Names() {
		n, err := Load(name)
		if err != nil {
			t.Error(err)
			continue
		}
		if _, err := nn.Compile(n, nn.Options{}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	for _, name := range []string{"none", "", "../models/none"} {
		if _, err := Load(name); err == nil || !strings.Contains(err.Error(), "no shipped network") {
			t.Errorf("%q: error %v", name, err)
		}
	}
}
