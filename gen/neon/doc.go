// Package neon writes assembly for the Go assembler of arm64: functions of general and
// vector registers, with the instructions of ARMv8.0's AdvSIMD and of the extensions DotProd
// and I8MM.
//
// A program that uses it makes a File, adds functions to it, and calls a method of Func for
// each instruction. Compile allocates registers and verifies the functions, and then
// Assembly is the text of the .s file and Stubs that of the Go file with declarations and
// their docs. The example is a whole one.
//
// # Operands
//
// Operands are in the order of the Go assembler, which is that of Arm's manual in reverse:
// sources, from the last to the first, and then the destination. So
//
//	f.VSUB(neon.S4, m, n, d)
//
// sets d = n - m in four lanes of 32 bits. Methods of vector instructions begin with the
// Arrangement of the lanes; where operands have different ones, the doc says whose it is. An
// instruction by element, such as VFMLAElem, has the lane behind the register it is of.
//
// Loads and stores take a Mem: At, Index, IndexShifted, Post, Pre and PostIndex make one.
// A Param that is narrower than 64 bits is extended to them, by its sign if it has one.
//
// # Registers
//
// GP and Vec are virtual registers, as many as one likes; at most 26 and 32 can be alive
// together, and Compile says where there are more. R18 and R27 to R30 are reserved.
//
// V and Vs are physical vector registers, for instructions that want certain ones: tables of
// VTBL and VTBX and lists of VLD1 and VST1 are consecutive, and lanes of 16 bits by element
// are of V0 to V15. They mix with virtual ones: the allocator keeps those off a physical
// register as long as its value is needed. ZR reads as zero. It cannot be a base or stand
// beside a constant, where its number is that of the stack pointer.
//
// # Instructions that the Go assembler lacks
//
// Instructions returns the table of vector instructions. Of one that the Go assembler does
// not know, the word is printed, with Arm's text as a comment. For each there is a CPU
// feature: Features of a function lists those that its instructions need, so that a table
// of functions for dispatch can be written from it.
//
// To add an instruction, add a line to build in table.go: its arrangements, whether the Go
// assembler knows it, the name of its method, Arm's name, the bits of its word and what it
// computes. Its form has the parameters and where they go; those in forms.go cover most of
// AdvSIMD. Then run
//
//	go run ./neon/methods
//	go test ./neon -run TestUpdateWords -update
//	go test ./neon
//
// in the folder gen, the second with aarch64-linux-gnu-as at hand. The tests want a model
// of what it computes in model_test.go. They compare the words with those of the other
// assembler, of the Go assembler and of a disassembler, and execute the instruction under
// qemu-user: with the model beside it, and on CPUs that lack its feature, where it must trap.
//
// # Limits
//
// Functions are leaves: there is no stack, and no calls. A function has one result at most.
// Parameters are integers, pointers and float32. The first mistake in a function is kept and
// returned by Compile: operands out of range, registers that are read before they are
// written, code that is never reached or runs past the end. Nothing is known of the memory
// that functions read and write.
//
// # What is avo's
//
// The package feels like github.com/mmcloughlin/avo, which writes amd64 only, and uses those
// of its packages that know no machine: signatures and the offsets of parameters, build
// constraints, stubs, and the passes for labels, the control flow graph, liveness and the
// colouring of registers. Registers, instructions and the printer are its own. Other than
// in avo there is no context and no global state, vector instructions take an arrangement,
// there are no stack frames, and mistakes surface in Compile rather than end the program.
package neon
