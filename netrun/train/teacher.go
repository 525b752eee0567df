package train

import (
	"errors"
	"fmt"
	"math"
)

// SetTeacher makes a trained float32 network part of the targets of a low-bit run
// whose configuration names it: of the loss, Distill is the cross-entropy to the
// teacher's answers, both softened by Temperature, and the rest that to the labels
// (Hinton, Vinyals, Dean, arXiv 1503.02531; for low-bit networks Mishra and Marr,
// arXiv 1711.05852). A run that is resumed needs it again. The teacher must be of
// the same images and batch, and is of no other use from then on.
func (t *Trainer) SetTeacher(teacher *Trainer, sha256 string) error {
	switch {
	case t.cfg.Teacher == "":
		return errors.New("train: a teacher: want none, the configuration has none")
	case sha256 != t.cfg.TeacherSHA256:
		return fmt.Errorf("train: the teacher's SHA-256 is %s: want %s, that of %s", sha256, t.cfg.TeacherSHA256, t.cfg.Teacher)
	case teacher.cfg.Method != Float || !teacher.Done():
		return fmt.Errorf("train: the teacher is a %s run at step %d of %d: want a float run that is done", teacher.cfg.Method, teacher.step, teacher.total)
	case teacher.net.Input != t.net.Input || teacher.net.Classes != t.net.Classes || teacher.cfg.Batch != t.cfg.Batch:
		return fmt.Errorf("train: the teacher takes %d images of %v to %d classes: want %d of %v to %d", teacher.cfg.Batch, teacher.net.Input, teacher.net.Classes, t.cfg.Batch, t.net.Input, t.net.Classes)
	}
	for _, l := range teacher.all { // what only training needs
		for _, p := range l.tensors() {
			p.m, p.v = nil, nil
		}
	}
	t.teacher = teacher
	return nil
}

// ask takes the images of the batch through the teacher.
func (t *Trainer) ask(n int) error {
	if t.cfg.Teacher == "" {
		return nil
	}
	if t.teacher == nil {
		return fmt.Errorf("train: no teacher: want %s, which the configuration names", t.cfg.Teacher)
	}
	size := t.net.Input.Size()
	t.shards(n, func(_, lo, hi, _ int) {
		to := t.teacher.input[lo*size : hi*size]
		for i, v := range t.input[lo*size : hi*size] {
			to[i] = v / 255
		}
	})
	t.teacher.forward(n, false)
	return nil
}

// follow returns the loss of image i of n, of labels and teacher, and makes d the
// gradient of it by the logits x; loss and d are those of labels alone before.
func (t *Trainer) follow(d, x []float32, i, n int, loss float64) float64 {
	if t.cfg.Teacher == "" {
		return loss
	}
	share, temperature := float64(t.cfg.Distill), float64(t.cfg.Temperature)
	last := t.teacher.layers[len(t.teacher.layers)-1]
	want := last.out[i*len(x):][:len(x)]
	logs, wants := logSum(x, temperature), logSum(want, temperature)
	distance := 0.0
	for c, v := range x {
		logp, logq := float64(v)/temperature-logs, float64(want[c])/temperature-wants
		p, q := math.Exp(logp), math.Exp(logq)
		distance -= float64(q * logp)
		d[c] = float32(float64((1-share)*float64(d[c])) + float64(share*temperature*(p-q))/float64(n))
	}
	// Times the square of the temperature, so that the gradient's size does not
	// depend on it.
	return float64((1-share)*loss) + float64(share*temperature*temperature*distance)
}

// logSum is the logarithm of the sum of exp(v/temperature) over x.
func logSum(x []float32, temperature float64) float64 {
	top, sum := x[0], 0.0
	for _, v := range x {
		top = max(top, v)
	}
	for _, v := range x {
		sum += math.Exp(float64(v-top) / temperature)
	}
	return float64(top)/temperature + math.Log(sum)
}
