package measure

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"math"
)

var nan = math.NaN()

// A LogitHash is the SHA-256 of logits as little-endian float32, in the order
// written. Two runs with the same hash computed the very same numbers.
type LogitHash struct {
	h   hash.Hash
	buf []byte
}

// NewLogitHash returns the hash of no logits yet.
func NewLogitHash() *LogitHash { return &LogitHash{h: sha256.New()} }

// Add appends logits.
func (l *LogitHash) Add(logits []float32) {
	l.buf = l.buf[:0]
	for _, v := range logits {
		l.buf = binary.LittleEndian.AppendUint32(l.buf, math.Float32bits(v))
	}
	l.h.Write(l.buf)
}

// String returns the hash of what was added, in hexadecimal.
func (l *LogitHash) String() string { return hex.EncodeToString(l.h.Sum(nil)) }
