package limits

import (
	"encoding/binary"
	"runtime"
)

// readGo reads by 8-byte loads, four chains of them. len(p) is a multiple of
// 4096.
func readGo(p []byte) {
	var a, b, c, d uint64
	for ; len(p) >= 32; p = p[32:] {
		a ^= binary.NativeEndian.Uint64(p)
		b ^= binary.NativeEndian.Uint64(p[8:])
		c ^= binary.NativeEndian.Uint64(p[16:])
		d ^= binary.NativeEndian.Uint64(p[24:])
	}
	runtime.KeepAlive(a ^ b ^ c ^ d)
}
