package nn

import (
	"fmt"
	"time"
)

// Profile does what Run does, on the calling goroutine alone, and adds to times[i]
// what the clock says that layer i took. The first layer's share has the step
// from pixels to its inputs. It allocates a little and panics if a length is not as
// the shapes say.
func (p *Plan) Profile(times []time.Duration, clock func() time.Duration, logits []float32, images []uint8, n int) {
	if len(times) != len(p.layers) || n < 0 || len(images) != n*p.images || len(logits) != n*p.classes {
		panic(fmt.Sprintf("nn: Plan.Profile: n = %d, len(times) = %d, len(logits) = %d, len(images) = %d: want %d layers, %d*%d = %d and %d*%d = %d",
			n, len(times), len(logits), len(images), len(p.layers), n, p.classes, n*p.classes, n, p.images, n*p.images))
	}
	r := p.takeRun()
	defer func() {
		r.spaces[0].watch(nil)
		p.mu.Lock()
		p.free = append(p.free, r)
		p.mu.Unlock()
	}()
	var last time.Duration
	r.spaces[0].watch(func(layer int) {
		now := clock()
		times[layer] += now - last
		last = now
	})
	for at := 0; at < n; at += p.sub {
		m := min(p.sub, n-at)
		last = clock()
		r.spaces[0].forward(logits[at*p.classes:][:m*p.classes], images[at*p.images:][:m*p.images], m)
	}
}
