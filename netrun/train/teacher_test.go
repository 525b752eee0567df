package train

import (
	"math"
	"strings"
	"testing"

	"example.com/lowbit/kernels"
)

// trained is a float run that is done.
func trained(t *testing.T) *Trainer {
	cfg := toyConfig(Float)
	cfg.Epochs = 1
	r := newToy(t, kernels.Float32, kernels.F32, cfg, 2)
	runAll(t, r)
	return r
}

func teacherConfig() Config {
	cfg := toyConfig(DST)
	cfg.Teacher, cfg.TeacherSHA256, cfg.Distill, cfg.Temperature = "float", "abc", 0.7, 3
	return cfg
}

// TestTeacherGradient compares the gradient of logits with differences of the loss.
func TestTeacherGradient(t *testing.T) {
	r := newToy(t, kernels.Ternary, kernels.U2, teacherConfig(), 2)
	if err := r.SetTeacher(trained(t), "abc"); err != nil {
		t.Fatal(err)
	}
	n := r.cfg.Batch
	numbers := make([]int32, n)
	for i := range numbers {
		numbers[i] = int32(i)
	}
	r.loadBatch(numbers, 0)
	if err := r.ask(n); err != nil {
		t.Fatal(err)
	}
	r.forward(n, true)
	l := r.layers[len(r.layers)-1]
	loss := func() float64 { return r.loss(n, true).loss }
	loss()
	d := append([]float32(nil), l.dout[:n*l.Out]...)
	for _, at := range []int{0, 1, l.Out, 3*l.Out + 2, n*l.Out - 1} {
		const h = 1e-2
		was := l.out[at]
		l.out[at] = was + h
		up := loss()
		l.out[at] = was - h
		down := loss()
		l.out[at] = was
		want := (up - down) / (2 * h) / float64(n)
		if math.Abs(want-float64(d[at])) > 1e-4*(1e-2+math.Abs(want)) {
			t.Errorf("logit %d: gradient %v: want %v", at, d[at], want)
		}
	}
	// With a share near 0 it is that of the labels.
	r.cfg.Distill = 1e-12
	soft := loss()
	r.cfg.Teacher = ""
	if hard := loss(); math.Abs(soft-hard) > 1e-6*hard {
		t.Errorf("loss with hardly a teacher %v: want %v", soft, hard)
	}
}

func TestTeacherResume(t *testing.T) {
	teacher := trained(t)
	whole := newToy(t, kernels.Ternary, kernels.U2, teacherConfig(), 2)
	if _, err := whole.Step(); err == nil || !strings.Contains(err.Error(), "no teacher") {
		t.Errorf("a step without the teacher: error %v", err)
	}
	if err := whole.SetTeacher(teacher, "abd"); err == nil {
		t.Error("a teacher of another checksum was taken")
	}
	if err := whole.SetTeacher(whole, "abc"); err == nil {
		t.Error("a teacher that is no float run was taken")
	}
	if err := whole.SetTeacher(teacher, "abc"); err != nil {
		t.Fatal(err)
	}
	run(t, whole, 3)
	path := t.TempDir() + "/c"
	if err := whole.Save(path); err != nil {
		t.Fatal(err)
	}
	run(t, whole, 3)
	c, err := ReadCheckpoint(path)
	if err != nil {
		t.Fatal(err)
	}
	again, err := c.Resume(toy(whole.train.N+whole.val.N), 1)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.SetTeacher(teacher, "abc"); err != nil {
		t.Fatal(err)
	}
	run(t, again, 3)
	if string(state(t, again)) != string(state(t, whole)) {
		t.Error("resumed with its teacher, the run has other bits")
	}
}
