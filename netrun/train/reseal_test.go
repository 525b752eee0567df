package train

import (
	"crypto/sha256"
	"encoding/binary"
	"strings"
	"testing"
)

// reseal changes the header of a checkpoint and makes length and checksum fit.
func reseal(t *testing.T, b []byte, from, to string) []byte {
	t.Helper()
	n := binary.LittleEndian.Uint32(b[len(magic):])
	at := len(magic) + 4
	head := string(b[at : at+int(n)])
	if !strings.Contains(head, from) {
		t.Fatalf("no %s in the header %s", from, head)
	}
	head = strings.Replace(head, from, to, 1)
	c := append([]byte(magic), 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(c[len(magic):], uint32(len(head)))
	c = append(append(c, head...), b[at+int(n):len(b)-sha256.Size]...)
	sum := sha256.Sum256(c)
	return append(c, sum[:]...)
}
