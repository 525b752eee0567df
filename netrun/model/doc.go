// Package model reads and writes model files: one nn.Network each, in the
// safetensors format with weights as packed codes.
//
// # Format, version 1
//
// A file is a safetensors file: 8 bytes, the length L of the header in little
// endian; L bytes of JSON, the header, padded by spaces to a multiple of 8; and
// the data, which the header's tensors fill without gap or overlap. For block i
// (0, 1, ...) of the network there are three tensors:
//
//	i.weights  the weights, [Out][K] row by row
//	i.scale    F32 [Out]
//	i.bias     F32 [Out]
//
// A mean block has no weights. A block with a stream has
//
//	i.stream_scale  F32 [1]
//
// and one with a shortcut that projects has i.skip.weights, i.skip.scale and
// i.skip.bias as those of a block; if the shortcut is an identity of a low-bit
// network, it has
//
//	i.skip_scale  F32 [1]
//
// Weights of format float32 are F32 [Out, K], int8 weights are I8 [Out, K] in
// -127 ... 127. Weights of b = 1 to 4 bits (binary, ternary, pow2:3, pow2:4)
// are U8 [ceil(b*Out*K/8)]: a stream of bits, lowest bit of the first byte
// first, in which weight n takes bits b*n to b*n+b-1, lowest first. They hold
// the weight's code, the index of its value in the ascending list of the
// format's levels: for pow2:3, codes 0 to 6 mean -4, -2, -1, 0, 1, 2, 4. A code
// past the last level is an error, and so is a bit that is set in the padding
// of the last byte.
//
// The header's __metadata__ has three strings:
//
//	lowbit_format  "1"
//	network        the network's description, as JSON
//	sha256         hexadecimal, of the bytes of network followed by the data
//
// The description has name, dataset, method, input ([H, W, C]), classes, meta
// (an object of strings, left out if empty) and blocks. A block has kind
// ("conv", "dense" or "mean"), in ([H, W, C]), out, kernel, stride, pad (conv only),
// pool (left out if none), weights, in_act and out_act (formats as kernels
// names them; out_act is left out of the last block, weights of a mean); then back
// (left out if 0), skip (left out if there is no shortcut) and stream (true or left
// out). A skip has back and, if it projects, proj, with kind to in_act of a block.
// Package nn says what they mean.
//
// # One network, one file
//
// The bytes of a file follow from the network alone: the header is compact JSON
// with sorted keys, tensors are sorted by type (F32, I8, U8) and name. Encode
// writes this form and Decode accepts no other, so that a file that is read and
// written again is the same file, byte for byte.
//
// # Limits
//
// A header has at most 1 MiB and a file at most 1 GiB. Sizes are compared with
// the bytes that are there before memory is taken for them: reading takes at
// most a small multiple of the file's size.
package model
