// Package onnx writes networks as ONNX models, which other runtimes read, and reads
// float ones.
//
// Three kinds of models are written. Float is a float32 network. Dequantized is a
// low-bit one in float32 operators, which compute the very codes: weights are their
// levels as numbers, and an activation is the floor of v+0.5, clipped. Static is a
// float network in 8 bits as runtimes have it, with QuantizeLinear and
// DequantizeLinear around its operators (QDQ).
//
// All of them take the images that netrun takes: an input "images" of uint8,
// [N, H, W, C], for any N. ONNX has channels before positions, so the first
// operators transpose the bytes and, where they are not dequantized at once, make
// them float32; the first layer's weights hold the factor 1/255. The output "logits"
// is float32, [N, classes].
package onnx
