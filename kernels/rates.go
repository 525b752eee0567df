package kernels

var rates = [...]Rate{}
