package suite

import (
	"slices"

	"example.com/lowbit/kernels"
)

// A Peer is another library's implementation of an operation. It is measured in
// the same benchmark as the kernels of its formats, right behind them.
type Peer struct {
	Impl    string          // its name there, such as peer-onednn-u8s8
	Formats kernels.Formats // those it stands beside
	Bits    bool            // a Dot that takes signs packed to bits: x=bits
	Plan    func(Problem) (*Call, error)
}

// FloatFormats are those of a peer that multiplies float32.
var FloatFormats = kernels.Formats{Weights: kernels.Float32, Acts: kernels.F32}

// A Problem is the product that a peer is to compute: M rows of K activations
// by N rows of K weights, row by row. The slices stay as long as the call does.
type Problem struct {
	M, N, K int

	// Integers: int8 weights are at most 63, see product.peer.
	Codes   []uint8
	Weights []int8
	Sums    []int32 // M rows of N results

	// Floats.
	X, W, Dst []float32
}

// A Call is a peer's plan for a problem.
type Call struct {
	Run    func()
	Packed int          // bytes of weights as the peer keeps them
	Check  func() error // if not nil, checks a result that is not in the Problem
	Close  func()       // if not nil, frees what Go does not
}

// PackedBytes is the number of bytes of weights as the peer keeps them.
func (c *Call) PackedBytes() int { return c.Packed }

// beside lists the peers that stand beside kernels of formats p.
func beside(p kernels.Formats, peers []Peer) []Peer {
	return slices.DeleteFunc(slices.Clone(peers), func(q Peer) bool { return q.Formats != p })
}

// peer plans the product for a peer. CPUs without VPDPBUSD multiply u8 by int8
// with VPMADDUBSW, which saturates the sum of two products; libraries accept
// that. Weights are halved so that no sum goes beyond 2*255*63, and every
// library is exact on every CPU.
func (p *product) peer(q Peer, cold bool) (*work, error) {
	d := *p
	if p.formats.Weights == kernels.Int8 {
		d.w.Values = slices.Clone(p.w.Values)
		for i := range d.w.Values {
			d.w.Values[i] /= 2
		}
	}
	w, err := peerWork(q, Problem{M: d.m, N: d.n, K: d.k, Codes: d.x, Weights: d.w.Values, Sums: d.dst}, cold)
	if err != nil {
		return nil, err
	}
	if w.check == nil {
		w.check, w.poison = d.check, func() { clear(d.dst) }
	}
	w.bytes += len(d.x) + 4*len(d.dst)
	if q.Bits {
		w.bytes = 2 * w.packed
	}
	return w, nil
}

func (p *floatProduct) peer(q Peer, cold bool) (*work, error) {
	w, err := peerWork(q, Problem{M: p.m, N: p.n, K: p.k, X: p.x, W: p.w, Dst: p.dst}, cold)
	if err != nil {
		return nil, err
	}
	if w.check == nil {
		w.check, w.poison = p.check, func() { clear(p.dst) }
	}
	w.bytes += 4*len(p.x) + 4*len(p.dst)
	return w, nil
}

// peerWork plans what is the same for integers and floats. The limit is that of
// the fastest instructions the machine has for the formats.
func peerWork(q Peer, p Problem, cold bool) (*work, error) {
	calls, err := ring(func() (*Call, error) { return q.Plan(p) }, cold)
	if err != nil {
		return nil, err
	}
	return &work{
		run:   func(i int) { calls[i%len(calls)].Run() },
		check: calls[0].Check,
		close: func() {
			for _, c := range calls {
				if c.Close != nil {
					c.Close()
				}
			}
		},
		macs: p.M * p.N * p.K, bytes: calls[0].Packed,
		weights: p.N * p.K, packed: calls[0].Packed,
		cold: cold, loop: loopOf(kernels.Kernel{ISA: portable, Algorithm: algorithmOf(q.Formats)}, q.Formats),
	}, nil
}

// CheckPeer compares a peer's product of m x k activations by n x k weights with
// package ref's.
func CheckPeer(q Peer, m, n, k int) error {
	s := size{m, n, k}
	var w *work
	var err error
	if q.Formats == FloatFormats {
		w, err = newFloatProduct(s).peer(q, false)
	} else {
		w, err = newProduct(q.Formats, s).peer(q, false)
	}
	if err != nil {
		return err
	}
	defer w.close()
	w.run(0)
	return w.check()
}

// algorithmOf is the arithmetic that suits the formats best.
func algorithmOf(p kernels.Formats) string {
	switch {
	case p == FloatFormats:
		return "float32"
	case p.Weights == kernels.Binary && p.Acts.Bits() == 1:
		return "popcount"
	}
	return "muladd"
}
