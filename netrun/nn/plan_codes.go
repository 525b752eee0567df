package nn

import "example.com/lowbit/kernels"

// A codeProduct is the linear step of a block of float32 weights in a low-bit
// network: codes become numbers, which are multiplied as those of a float network
// are. For one instruction set a sum's bits do not depend on the batch or on threads.
type codeProduct struct {
	floatProduct
	conv   *kernels.Conv2DFloat32 // floatProduct, if it is one
	value  *[16]float32           // of each code; nil for those of u8, which are the codes
	inputs int                    // numbers of a unit
	rim    rim
}

// A rim is padding that the product does not add itself: it pads with 0, and a sign's
// code 0 means -1. The zero value is none.
type rim struct {
	rows, row, pad int // rows of a unit, codes of a row, rows of the rim on each side
	side           int // numbers of the rim on each side of a row
}

func newCodeProduct(b *Block, rows int) (*codeProduct, error) {
	p := &codeProduct{inputs: rows * b.In.W * b.In.C}
	if b.InAct.Max() < 16 {
		p.value = new([16]float32)
		for i := range p.value {
			if p.value[i] = float32(i); b.InAct == kernels.Sign {
				p.value[i] = float32(2*i - 1)
			}
		}
	}
	padded := *b
	if b.InAct == kernels.Sign && b.Pad > 0 {
		p.rim = rim{rows: rows, row: b.In.W * b.In.C, pad: b.Pad, side: b.Pad * b.In.C}
		padded.In.W, padded.Pad = b.In.W+2*b.Pad, 0
		rows += 2 * b.Pad
		p.inputs = rows * padded.In.W * b.In.C
	}
	var err error
	p.floatProduct, err = newFloatProduct(&padded, rows)
	p.conv, _ = p.floatProduct.(*kernels.Conv2DFloat32)
	return p, err
}

// numbers is how many n units need: those that their codes become, and those that a
// convolution works in.
func (p *codeProduct) numbers(n int) int {
	if p.conv != nil {
		return n*p.inputs + p.conv.Scratch(n)
	}
	return n * p.inputs
}

// Run sets dst to the sums of n units of codes x, which memory holds as numbers.
func (p *codeProduct) Run(dst []float32, x []uint8, n int, memory []float32) {
	numbers := memory[:n*p.inputs]
	if p.rim.pad == 0 {
		p.set(numbers, x)
	} else {
		p.setPadded(numbers, x, n)
	}
	if p.conv != nil {
		p.conv.RunIn(memory[len(numbers):], dst, numbers, nil, n)
		return
	}
	p.floatProduct.Run(dst, numbers, n)
}

func (p *codeProduct) set(dst []float32, x []uint8) {
	if p.value != nil {
		kernels.LookUp16(dst, x, p.value)
	} else {
		kernels.FloatsOfBytes(dst, x, 0, 1)
	}
}

func (p *codeProduct) setPadded(dst []float32, x []uint8, n int) {
	for i := range dst {
		dst[i] = p.value[0]
	}
	r := &p.rim
	wide := r.row + 2*r.side
	for range n {
		for y := range r.rows {
			p.set(dst[(y+r.pad)*wide+r.side:][:r.row], x[:r.row])
			x = x[r.row:]
		}
		dst = dst[p.inputs:]
	}
}
