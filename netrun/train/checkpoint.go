package train

func (t *Trainer) appendParameters(b []byte) []byte { return b }
func (t *Trainer) setParameters(b []byte) ([]byte, error) { return b, nil }
