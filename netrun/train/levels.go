package train

import (
	"slices"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/nn"
)

// mostLevels bounds the levels of the formats whose weights are counted: those of
// few bits.
const mostLevels = 16

// Levels counts the weights of a format, level by level in ascending order.
type Levels struct {
	Count []int `json:"count"` // weights on each level
	// Moved is how many of those that were on each level the last step moved; nil
	// if that is not known.
	Moved []int `json:"moved,omitempty"`
}

// A LayerLevels is what the weights of a layer, or of the projection of its
// shortcut, are.
type LayerLevels struct {
	Layer      int     `json:"layer"` // from 1
	Projection bool    `json:"projection,omitempty"`
	Weights    string  `json:"weights"`
	Inputs     string  `json:"inputs"`
	Number     int     `json:"number"`
	Zeros      int     `json:"zeros"`
	Count      []int   `json:"count,omitempty"` // weights on each level, of formats of up to 16
	Step       float32 `json:"step,omitempty"`  // width of the outputs' code
}

// indices returns the level of each weight: the weights themselves if they are
// discrete, the nearest levels of latent ones; nil for float.
func (l *layer) indices() []uint8 {
	if l.grid == nil || l.weight == nil {
		return nil
	}
	if l.weight.level != nil {
		return l.weight.level
	}
	s := make([]uint8, len(l.weight.value))
	for i, v := range l.weight.value {
		s[i] = l.grid.Nearest(v)
	}
	return s
}

// snapshot is a copy of the levels of all layers' weights.
func (t *Trainer) snapshot() [][]uint8 {
	var all [][]uint8
	for _, l := range t.all {
		all = append(all, slices.Clone(l.indices()))
	}
	return all
}

// count returns the part of the weights whose level is not what it was before, and
// counts them format by format.
func (t *Trainer) count(before [][]uint8) (moved float64, formats map[string]*Levels) {
	changed, all := 0, 0
	for i, l := range t.all {
		now := l.indices()
		if now == nil {
			continue
		}
		all += len(now)
		var c *Levels
		if n := len(l.grid.Levels); n <= mostLevels {
			name := l.Weights.String()
			if formats == nil {
				formats = map[string]*Levels{}
			}
			if c = formats[name]; c == nil {
				c = &Levels{make([]int, n), make([]int, n)}
				formats[name] = c
			}
		}
		for j, s := range now {
			was := before[i][j]
			if was != s {
				changed++
			}
			if c != nil {
				c.Count[s]++
				if was != s {
					c.Moved[was]++
				}
			}
		}
	}
	return float64(changed) / float64(max(all, 1)), formats
}

// Levels describes the weights of all layers as they are.
func (t *Trainer) Levels() (all []LayerLevels) {
	for i, l := range t.layers {
		for _, l := range []*layer{l, l.proj} {
			if l == nil || l.Kind == nn.Mean {
				continue
			}
			r := LayerLevels{Layer: i + 1, Projection: l.of != nil, Weights: l.Weights.String(), Inputs: l.InAct.String(), Number: len(l.weight.grad)}
			if l.OutAct != kernels.NoActs && l.OutAct != kernels.F32 {
				r.Step = l.step.value[0]
			}
			if s := l.indices(); s != nil {
				count := make([]int, len(l.grid.Levels))
				for _, at := range s {
					count[at]++
				}
				if zero, ok := slices.BinarySearch(l.grid.Levels, 0); ok {
					r.Zeros = count[zero]
				}
				if len(count) <= mostLevels {
					r.Count = count
				}
			} else {
				for _, v := range l.weight.value {
					if v == 0 {
						r.Zeros++
					}
				}
			}
			all = append(all, r)
		}
	}
	return all
}
