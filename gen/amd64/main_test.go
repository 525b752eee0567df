package main

import (
	"testing"

	"example.com/lowbit/gen/internal/rooms/roomstest"
)

func TestGenerated(t *testing.T) { roomstest.Generated(t, "gen/amd64", files) }
