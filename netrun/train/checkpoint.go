package train

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"

	"example.com/lowbit/kernels"
	"example.com/lowbit/netrun/atomicfile"
	"example.com/lowbit/netrun/data"
	"example.com/lowbit/netrun/nn"
	"example.com/lowbit/netrun/quant"
)

// A checkpoint file is, in little-endian order,
//
//	magic     16 bytes
//	header    uint32 length, then JSON
//	tensors   as the header's network and configuration size them
//	checksum  SHA-256 of all before it
//
// The random streams are functions of seed and step, so they need no state.
const (
	magic         = "lowbit-training1"
	maxHeader     = 16 << 20
	maxCheckpoint = 16 << 30
)

// A header is what a checkpoint holds beside tensors.
type header struct {
	Config  Config
	Network *nn.Network // without parameters
	Images  dataID
	Kernel  string // of the float32 products, on which the bits depend
	Step    int
	Loss    uint64 // bits of the float64 sum over the epoch at hand
	Correct int
	Count   int
	History []Epoch
	Best    bool // whether the best epoch's parameters follow
	Effort  Effort
	Init    string `json:",omitempty"` // SHA-256 of the checkpoint that the first weights come from
}

// A dataID tells whether a run is resumed on the images it was started on.
type dataID struct {
	Train, Validation int
	SHA256            string
}

func identify(train, val *data.Images) dataID {
	h := sha256.New()
	for _, im := range []*data.Images{train, val} {
		h.Write(im.Pixels)
		h.Write(im.Labels)
	}
	return dataID{train.N, val.N, fmt.Sprintf("%x", h.Sum(nil))}
}

// Save writes a checkpoint. However it is stopped, path holds a whole one: the
// last or this.
func (t *Trainer) Save(path string) error {
	b, err := t.encode()
	if err == nil {
		err = atomicfile.Write(path, b)
	}
	if err != nil {
		return fmt.Errorf("train: checkpoint: %w", err)
	}
	return nil
}

func (t *Trainer) encode() ([]byte, error) {
	h := header{
		Config: t.cfg, Network: t.net, Images: t.images, Kernel: FloatKernel(), Step: t.step,
		Loss: math.Float64bits(t.running.loss), Correct: t.running.correct, Count: t.running.count,
		History: t.history, Best: t.best != nil, Effort: t.Effort, Init: t.InitSHA256,
	}
	head, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	b := append(make([]byte, 0, t.stateSize(true)+len(head)+64), magic...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(head)))
	b = append(b, head...)
	b = t.appendParameters(b)
	for _, l := range t.all {
		for _, p := range l.tensors() {
			b = p.appendMoments(b)
		}
	}
	b = append(b, t.best...)
	sum := sha256.Sum256(b)
	return append(b, sum[:]...), nil
}

// stateSize is the number of bytes of all tensors in a checkpoint.
func (t *Trainer) stateSize(best bool) int {
	parameters, moments := 0, 0
	for _, l := range t.all {
		for _, p := range l.tensors() {
			parameters += 4*len(p.value) + len(p.level)
			moments += p.momentBytes()
		}
		parameters += 4 * (len(l.mean) + len(l.variance))
	}
	if best {
		return 2*parameters + moments
	}
	return parameters + moments
}

// appendMoments appends the optimizer's state, takeMoments takes it back.
func (t *tensor) appendMoments(b []byte) []byte {
	b = appendFloats(appendFloats(b, t.m), t.v)
	for _, e := range []*quant.Eight{t.m8, t.v8} {
		if e != nil {
			b = append(b, e.Codes...)
			for _, base := range e.Bases {
				b = binary.LittleEndian.AppendUint16(b, base)
			}
		}
	}
	return b
}

func (t *tensor) takeMoments(b []byte) []byte {
	b = takeFloats(t.v, takeFloats(t.m, b))
	for _, e := range []*quant.Eight{t.m8, t.v8} {
		if e != nil {
			b = b[copy(e.Codes, b):]
			for i := range e.Bases {
				e.Bases[i] = binary.LittleEndian.Uint16(b)
				b = b[2:]
			}
		}
	}
	return b
}

// appendParameters appends what a network is, without optimizer state.
func (t *Trainer) appendParameters(b []byte) []byte {
	for _, l := range t.all {
		for _, p := range l.tensors() {
			b = append(appendFloats(b, p.value), p.level...)
		}
		b = appendFloats(appendFloats(b, l.mean), l.variance)
	}
	return b
}

// setParameters takes from b what appendParameters appended, and returns the
// rest.
func (t *Trainer) setParameters(b []byte) ([]byte, error) {
	for i, l := range t.all {
		for _, p := range l.tensors() {
			b = takeFloats(p.value, b)
			b = b[copy(p.level, b):]
			for _, s := range p.level {
				if int(s) >= len(l.grid.Levels) {
					return nil, fmt.Errorf("layer %d has a weight at level %d: want below %d", i, s, len(l.grid.Levels))
				}
			}
		}
		b = takeFloats(l.variance, takeFloats(l.mean, b))
	}
	return b, nil
}

func appendFloats(b []byte, x []float32) []byte {
	for _, v := range x {
		b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
	}
	return b
}

func takeFloats(x []float32, b []byte) []byte {
	for i := range x {
		x[i] = math.Float32frombits(binary.LittleEndian.Uint32(b[4*i:]))
	}
	return b[4*len(x):]
}

// A Checkpoint is a checkpoint file that was read and found whole.
type Checkpoint struct {
	path    string
	sum     string
	header  header
	tensors []byte
}

// ReadCheckpoint reads a checkpoint file. It takes no more memory than the
// file's size, and returns an error for a file that is no checkpoint, cut
// short or changed.
func ReadCheckpoint(path string) (*Checkpoint, error) {
	c := &Checkpoint{path: path}
	if err := c.read(); err != nil {
		return nil, fmt.Errorf("train: checkpoint %s: %w", path, err)
	}
	return c, nil
}

func (c *Checkpoint) read() error {
	f, err := atomicfile.OpenRegular(c.path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	const least = len(magic) + 4 + sha256.Size
	if size := info.Size(); !info.Mode().IsRegular() || size < int64(least) || size > maxCheckpoint {
		return fmt.Errorf("%d bytes: want a file of %d to %d", size, least, int64(maxCheckpoint))
	}
	// A file of another kind may be large.
	start := make([]byte, len(magic))
	if _, err := io.ReadFull(f, start); err != nil {
		return err
	}
	if string(start) != magic {
		return fmt.Errorf("starts with %q: want %q", start, magic)
	}
	b := make([]byte, info.Size())
	copy(b, start)
	if _, err := io.ReadFull(f, b[len(start):]); err != nil {
		return err
	}
	body, want := b[:len(b)-sha256.Size], b[len(b)-sha256.Size:]
	if got := sha256.Sum256(body); !bytes.Equal(got[:], want) {
		return fmt.Errorf("checksum is %x: want %x, the file's own; it is damaged or cut short", got, want)
	}
	c.sum = fmt.Sprintf("%x", sha256.Sum256(b))
	n := binary.LittleEndian.Uint32(body[len(magic):])
	rest := body[len(magic)+4:]
	if n > maxHeader || int64(n) > int64(len(rest)) {
		return fmt.Errorf("header is %d bytes: want at most %d", n, min(maxHeader, len(rest)))
	}
	if err := json.Unmarshal(rest[:n], &c.header); err != nil {
		return fmt.Errorf("header: %w", err)
	}
	if c.header.Network == nil {
		return errors.New("header has no network")
	}
	c.tensors = rest[n:]
	if err := checkNetwork(c.header.Network, c.header.Config.Method); err != nil {
		return err
	}
	if err := c.header.Config.check(); err != nil {
		return err
	}
	// The weights alone, before memory is taken for anything made from them.
	var weights int64
	for i := range c.header.Network.Blocks {
		b := &c.header.Network.Blocks[i]
		weights += int64(b.Out) * int64(b.K())
		if b.Skip != nil && b.Skip.Proj != nil {
			weights += int64(b.Skip.Proj.Out) * int64(b.Skip.Proj.K())
		}
	}
	if !c.header.Config.discrete() {
		weights *= 4
	}
	if weights > int64(len(c.tensors)) {
		return fmt.Errorf("tensors are %d bytes: want at least %d for the weights", len(c.tensors), weights)
	}
	return nil
}

// SHA256 is that of the file, in hexadecimal digits.
func (c *Checkpoint) SHA256() string { return c.sum }

// Config returns the configuration of the run.
func (c *Checkpoint) Config() Config { return c.header.Config }

// Network returns the shapes and formats of the run. It is not copied.
func (c *Checkpoint) Network() *nn.Network { return c.header.Network }

// Kernel names the float32 kernel that the run was on. On another one, a run
// that is resumed goes on just as well, but not to the same bits.
func (c *Checkpoint) Kernel() string { return c.header.Kernel }

// FloatKernel names the kernel that dispatch chooses for float32 products.
func FloatKernel() string {
	g, err := kernels.NewGEMMFloat32([]float32{1}, 1, 1, kernels.Options{})
	if err != nil {
		panic(err) // the shape is right
	}
	return g.Kernel()
}

// Resume returns the run where the checkpoint left it. It will reach the very
// bits that it would have reached without being stopped, if FloatKernel is its
// Kernel. images must be those it was started on.
func (c *Checkpoint) Resume(images *data.Images, workers int) (*Trainer, error) {
	t, err := New(c.header.Network, c.header.Config, images, workers)
	if err != nil {
		return nil, fmt.Errorf("train: checkpoint %s: %w", c.path, err)
	}
	if err := c.restore(t); err != nil {
		return nil, fmt.Errorf("train: checkpoint %s: %w", c.path, err)
	}
	return t, nil
}

func (c *Checkpoint) restore(t *Trainer) error {
	h := &c.header
	if h.Images != t.images {
		return fmt.Errorf("training images are %+v: want %+v, those of the checkpoint", t.images, h.Images)
	}
	if h.Step < 0 || h.Step > t.total || len(h.History) != h.Step/t.perEpoch {
		return fmt.Errorf("step %d of %d after %d epochs of %d: cannot be", h.Step, t.total, len(h.History), t.perEpoch)
	}
	if want := t.stateSize(h.Best); len(c.tensors) != want {
		return fmt.Errorf("tensors are %d bytes: want %d", len(c.tensors), want)
	}
	b, err := t.setParameters(c.tensors)
	if err != nil {
		return err
	}
	for _, l := range t.all {
		for _, p := range l.tensors() {
			b = p.takeMoments(b)
		}
	}
	if h.Best {
		t.best = bytes.Clone(b)
	}
	t.step = h.Step
	if err := t.checkFinite(); err != nil {
		return err
	}
	t.history, t.Effort, t.InitSHA256 = h.History, h.Effort, h.Init
	t.running = lossSum{math.Float64frombits(h.Loss), h.Correct, h.Count}
	return nil
}
