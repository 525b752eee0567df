//go:build amd64 && linux && !purego

#include "textflag.h"

// The block of parameters, as image.go lays it out. It stays in memory, since
// the functions that are called may use every register.
#define paramTable 0
#define paramStack 8
#define paramIDT 48
#define paramG 16
#define paramTLS 24
#define paramCurrent 32
#define paramIndex 40

// An entry of the table.
#define callFunc 0
#define callArgs 8
#define callResult 72
#define callWant 80
#define callGot 88
#define callExpected 96
#define callWords 104
#define callSize 112

DATA ·guestEntry(SB)/8, $·guest(SB)
GLOBL ·guestEntry(SB), NOPTR, $8

DATA ·faultEntry(SB)/8, $·fault(SB)
GLOBL ·faultEntry(SB), NOPTR, $8

// The block's address is kept in DR0, which nothing else uses.

// func guest()
TEXT ·guest(SB), NOSPLIT|NOFRAME, $0-0
	// SI is the block's address.
	MOVL SI, SI
	MOVQ SI, DR0
	MOVQ paramStack(SI), SP
	LIDT paramIDT(SI)

	// Turn on the registers of SSE, AVX and AVX-512.
	XORL CX, CX
	XORL DX, DX
	MOVL $0xe7, AX
	BYTE $0x0f; BYTE $0x01; BYTE $0xd1 // XSETBV

	// Go reads its goroutine from the word before the thread's own memory.
	MOVL $0xc0000100, CX // FS base
	MOVL paramTLS(SI), AX
	XORL DX, DX
	WRMSR

	// 8 bits a character.
	MOVW $0x3fb, DX
	MOVB $3, AL
	OUTB

	MOVQ paramTable(SI), R15
	XORL R14, R14

next:
	MOVQ DR0, SI
	MOVQ R15, paramCurrent(SI)
	MOVQ R14, paramIndex(SI)
	MOVQ callFunc(R15), R12
	TESTQ R12, R12
	JZ    end

	// Registers hold the arguments as Go's own calls pass them: integers, the
	// goroutine and the zero.
	MOVQ  paramG(SI), R14
	MOVQ  (callArgs+0)(R15), AX
	MOVQ  (callArgs+8)(R15), BX
	MOVQ  (callArgs+16)(R15), CX
	MOVQ  (callArgs+24)(R15), DI
	MOVQ  (callArgs+32)(R15), SI
	MOVQ  (callArgs+40)(R15), R8
	MOVQ  (callArgs+48)(R15), R9
	MOVQ  (callArgs+56)(R15), R10
	XORPS X15, X15
	CALL  R12

	// The result: all bits of AX, its low half, or a float in X0.
	MOVQ DR0, SI
	MOVQ paramCurrent(SI), R15
	MOVQ callResult(R15), BX
	CMPQ BX, $0
	JE   memory
	CMPQ BX, $1
	JE   result
	CMPQ BX, $2
	JE   low
	MOVQ X0, AX

low:
	MOVL AX, AX

result:
	MOVQ callWant(R15), DX
	CMPQ AX, DX
	JE   memory
	MOVQ AX, R13
	MOVB $'R', AL              // R index got
	CALL ·putByte(SB)
	MOVQ paramIndex(SI), BX
	CALL ·putHex(SB)
	MOVQ R13, BX
	CALL ·putHex(SB)
	MOVB $'\n', AL
	CALL ·putByte(SB)

memory:
	MOVQ paramCurrent(SI), R15
	MOVQ callGot(R15), R8
	MOVQ callExpected(R15), R9
	MOVQ callWords(R15), CX
	XORL R10, R10

word:
	CMPQ R10, CX
	JE   done
	MOVQ (R8)(R10*8), AX
	CMPQ AX, (R9)(R10*8)
	JNE  differs
	INCQ R10
	JMP  word

differs:
	MOVB $'M', AL              // M index word got
	CALL ·putByte(SB)
	MOVQ paramIndex(SI), BX
	CALL ·putHex(SB)
	MOVQ R10, BX
	CALL ·putHex(SB)
	MOVQ (R8)(R10*8), BX
	CALL ·putHex(SB)
	MOVB $'\n', AL
	CALL ·putByte(SB)

done:
	MOVQ paramIndex(SI), R14
	INCQ R14
	ADDQ $callSize, R15
	JMP  next

end:
	MOVB $'E', AL              // E number of calls
	CALL ·putByte(SB)
	MOVQ R14, BX
	CALL ·putHex(SB)
	MOVB $'\n', AL
	CALL ·putByte(SB)

halt:
	HLT
	JMP halt

// func fault()
TEXT ·fault(SB), NOSPLIT|NOFRAME, $0-0
	MOVQ DR0, SI
	MOVQ SP, R13
	MOVQ paramStack(SI), SP
	SUBQ $4096, SP
	MOVB $'F', AL              // F index, two words of the exception's frame, address
	CALL ·putByte(SB)
	MOVQ paramIndex(SI), BX
	CALL ·putHex(SB)
	MOVQ 0(R13), BX
	CALL ·putHex(SB)
	MOVQ 8(R13), BX
	CALL ·putHex(SB)
	MOVQ CR2, BX
	CALL ·putHex(SB)
	MOVB $'\n', AL
	CALL ·putByte(SB)

stop:
	HLT
	JMP stop

// func putHex()
// It writes a space and BX, and uses AX, BX, CX and DX.
TEXT ·putHex(SB), NOSPLIT|NOFRAME, $0-0
	MOVB $' ', AL
	CALL ·putByte(SB)
	MOVQ $16, CX

digit:
	ROLQ $4, BX
	MOVQ BX, AX
	ANDQ $15, AX
	ADDQ $'0', AX
	CMPQ AX, $'9'
	JLE  put
	ADDQ $('a'-'0'-10), AX

put:
	CALL ·putByte(SB)
	DECQ CX
	JNZ  digit
	RET

// func putByte()
// It writes AL and uses DX.
TEXT ·putByte(SB), NOSPLIT|NOFRAME, $0-0
	MOVB AL, R11

wait:
	MOVW  $0x3fd, DX
	INB
	TESTB $0x20, AL
	JZ    wait
	MOVB  R11, AL
	MOVW  $0x3f8, DX
	OUTB
	RET
