//go:build amd64 && linux && !purego

package emul

const (
	romSize = 64 << 10
	romBase = 1<<32 - romSize
	// The ROM is seen below 1 MiB too, and there it is mapped when paging begins.
	romLow = 1<<20 - romSize
	// touchStep is at most the unit in which the emulator allocates memory.
	touchStep = 64 << 10

	selCode64 = 0x08
	selCode32 = 0x10
	selData   = 0x18
)

// segments are the descriptors of no segment and of those above.
var segments = [...]uint64{0, 0x00af9b000000ffff, 0x00cf9b000000ffff, 0x00cf93000000ffff}

// A start says where the ROM finds things in the image.
type start struct {
	imageLen                  int
	gdt, pages, entry, params uint32
}

// rom returns the program that the CPU begins with: it goes from 16 to 64 bits
// and jumps to the guest.
//
// Bochs 2.7 gives a page of the machine's memory its place when the page is
// first used, but loads an image as if its pages had consecutive places. So the
// first use of memory is to touch the image's pages in order.
func rom(s start) []byte {
	const gdt, gdtr, gdtr2, code = 0x000, 0x040, 0x050, 0x100
	rom := make([]byte, romSize)
	for i, d := range segments {
		le.PutUint64(rom[gdt+8*i:], d)
	}
	le.PutUint16(rom[gdtr:], uint16(len(segments)*8-1))
	le.PutUint32(rom[gdtr+2:], romBase+gdt)
	le.PutUint16(rom[gdtr2:], uint16(len(segments)*8-1))
	le.PutUint32(rom[gdtr2+2:], s.gdt)

	var p []byte
	op := func(b ...byte) { p = append(p, b...) }
	dword := func(v uint32, b ...byte) { p = le.AppendUint32(append(p, b...), v) }

	op(0xfa)                                        // CLI
	op(0x66, 0x2e, 0x0f, 0x01, 0x16, gdtr, 0x00)    // LGDT CS:[gdtr]
	op(0x0f, 0x20, 0xc0)                            // MOV EAX, CR0
	op(0x0c, 0x01)                                  // OR AL, 1
	op(0x0f, 0x22, 0xc0)                            // MOV CR0, EAX
	dword(uint32(romLow+code+len(p)+8), 0x66, 0xea) // JMP selCode32:(behind this)
	op(selCode32, 0)
	dword(selData, 0xb8) // MOV EAX, selData
	op(0x8e, 0xd8)       // MOV DS, EAX
	op(0x8e, 0xc0)       // MOV ES, EAX
	op(0x8e, 0xd0)       // MOV SS, EAX

	dword(imageBase, 0xba)                                  // MOV EDX, imageBase
	dword(uint32((s.imageLen+touchStep-1)/touchStep), 0xb9) // MOV ECX, steps
	op(0x8a, 0x02)                                          // next: MOV AL, [EDX]
	dword(touchStep, 0x81, 0xc2)                            // ADD EDX, touchStep
	op(0x49, 0x75, 0xf5)                                    // DEC ECX; JNZ next

	dword(romLow+gdtr2, 0x0f, 0x01, 0x15)       // LGDT [gdtr2]
	op(0x0f, 0x20, 0xe0)                        // MOV EAX, CR4
	dword(1<<5|1<<9|1<<10|1<<18, 0x0d)          // OR EAX, PAE|OSFXSR|OSXMMEXCPT|OSXSAVE
	op(0x0f, 0x22, 0xe0)                        // MOV CR4, EAX
	dword(s.pages, 0xb8)                        // MOV EAX, pages
	op(0x0f, 0x22, 0xd8)                        // MOV CR3, EAX
	dword(0xc0000080, 0xb9)                     // MOV ECX, EFER
	op(0x0f, 0x32)                              // RDMSR
	dword(1<<8, 0x0d)                           // OR EAX, LME
	op(0x0f, 0x30)                              // WRMSR
	op(0x0f, 0x20, 0xc0)                        // MOV EAX, CR0
	dword(^uint32(1<<2|1<<3|1<<29|1<<30), 0x25) // AND EAX, without EM, TS, NW, CD
	dword(1<<31|1<<16|1<<5|1<<1, 0x0d)          // OR EAX, PG|WP|NE|MP
	op(0x0f, 0x22, 0xc0)                        // MOV CR0, EAX
	dword(s.params, 0xbe)                       // MOV ESI, params
	dword(s.entry, 0xea)                        // JMP selCode64:entry
	op(selCode64, 0)
	copy(rom[code:], p)

	reset := romSize - 16 // the CPU's first instruction: JMP code, relative to the next
	rom[reset] = 0xe9
	le.PutUint16(rom[reset+1:], uint16(0x10000+code-(reset+3)))
	return rom
}
