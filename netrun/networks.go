package main

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"strings"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/models"
	"example.com/lowbit/netrun/nn"
)

// namedFormats are what networks by name are measured in, float32 first: those of the
// shipped networks.
var namedFormats = []nn.Formats{
	{Weights: kernels.Float32, Acts: kernels.F32},
	{Weights: kernels.Ternary, Acts: kernels.U2, First: kernels.Int8, Last: kernels.Int8},
	{Weights: kernels.Binary, Acts: kernels.U1, First: kernels.Int8, Last: kernels.Int8},
	{Weights: kernels.Pow2x3, Acts: kernels.U3},
	{Weights: kernels.Pow2x4, Acts: kernels.U4},
}

// namedNetworks returns a network in each of the formats: the shipped one where there
// is one, else random weights, which are those of random. A name that ends in .json
// is a description's file.
func namedNetworks(name string) (all, random []*nn.Network, err error) {
	d, err := describeNamed(name)
	if err != nil {
		return nil, nil, err
	}
	input, classes := nn.Shape{H: 32, W: 32, C: 3}, 10
	switch d.Name {
	case "lenet", "mlp":
		input = nn.Shape{H: 28, W: 28, C: 1}
	case "resnet18":
		input, classes = nn.Shape{H: 224, W: 224, C: 3}, 1000
	}
	dataset := ""
	for _, f := range namedFormats {
		n, err := d.Network(input, classes, f)
		if err != nil {
			return nil, nil, err
		}
		s, err := shippedAs(n, dataset)
		if err != nil {
			return nil, nil, err
		}
		if s != nil {
			dataset = s.Dataset // that of the first counts for all
			all = append(all, s)
			continue
		}
		n.Dataset, n.Method = cmp.Or(dataset, "none"), "none"
		if n.Float() {
			fillRandom(n)
		} else {
			fillRandomCodes(n)
		}
		all, random = append(all, n), append(random, n)
	}
	return all, random, nil
}

func describeNamed(name string) (d *nn.Description, err error) {
	if strings.HasSuffix(name, ".json") {
		return nn.ReadDescription(name)
	}
	if d, err = nn.NamedNetwork(name); err != nil {
		return nil, &usageError{err.Error()}
	}
	return d, nil
}

// shippedAs returns the shipped network of n's shape and formats, first and last layer
// aside, of the dataset if that is not "", else of the embedded one before others; nil if
// there is none.
func shippedAs(n *nn.Network, dataset string) (*nn.Network, error) {
	all, err := models.All()
	if err != nil {
		return nil, err
	}
	same := func(a, b nn.Block) bool { return a.SameShape(&b) }
	var found *nn.Network
	for _, s := range all {
		m := s.Network
		if s.Outline || m.Input != n.Input || m.Classes != n.Classes || dataset != "" && m.Dataset != dataset || formatLabel(m) != formatLabel(n) || !slices.EqualFunc(m.Blocks, n.Blocks, same) {
			continue
		}
		if found == nil || m.Dataset == data.Embedded().Name {
			found = m
		}
	}
	return found, nil
}

// fillRandomCodes gives a low-bit network weights as training starts with: normal,
// rounded to the levels. Scales are such that codes of all sizes follow.
func fillRandomCodes(n *nn.Network) {
	rng := rand.New(rand.NewPCG(1, 2))
	const spread = 0.4 // of the largest level, the normal's standard deviation
	fill := func(b *nn.Block, top float64) {
		var squares float64
		switch b.Weights {
		case kernels.NoWeights:
		case kernels.Float32:
			for range b.Out * b.K() {
				w := rng.NormFloat64()
				b.Float = append(b.Float, float32(w))
				squares += w * w
			}
		default:
			levels := b.Weights.Levels()
			largest := float64(levels[len(levels)-1])
			for range b.Out * b.K() {
				w := nearest(levels, rng.NormFloat64()*spread*largest)
				b.Values = append(b.Values, w)
				squares += float64(w) * float64(w)
			}
		}
		scale, bias := float32(1/float64(b.In.H*b.In.W)), float32(0) // of a mean
		if b.Kind != nn.Mean {
			code := math.Max(1, float64(b.InAct.Max())/2)
			scale = float32(top / (2 * code * math.Sqrt(squares/float64(b.Out))))
			bias = float32(top / 4)
		}
		b.Scale, b.Bias = slices.Repeat([]float32{scale}, b.Out), slices.Repeat([]float32{bias}, b.Out)
	}
	for i := range n.Blocks {
		b := &n.Blocks[i]
		top := 1.0
		if b.OutAct != kernels.NoActs {
			top = float64(b.OutAct.Max())
		}
		fill(b, top)
		if b.Stream {
			b.StreamScale = float32(255 / (4 * top))
		}
		switch {
		case b.Skip == nil:
		case b.Skip.Proj != nil:
			fill(b.Skip.Proj, top)
		default:
			b.Skip.Scale = float32(4 * top / 255)
		}
	}
}

// nearest is the level nearest to x.
func nearest(levels []int8, x float64) int8 {
	best := levels[0]
	for _, l := range levels {
		if math.Abs(x-float64(l)) < math.Abs(x-float64(best)) {
			best = l
		}
	}
	return best
}
