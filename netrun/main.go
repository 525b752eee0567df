// Command netrun runs whole networks of low-bit layers beside the same networks in
// float32: accuracy, speed and memory on real images.
//
//	go run ./netrun            the shipped networks, a table for each data set
//	go run ./netrun train …    train one
//	go run ./netrun eval …     accuracy of model files
//	go run ./netrun bench …    speed by batch size and threads
//	go run ./netrun inspect …  what is shipped; what a network consists of, and where its time goes
//	go run ./netrun export …   write a shipped network to a model file, or to ONNX
//	go run ./netrun import …   read a float ONNX model, and quantize it
//
// Every command has -h, with examples, and -json, one object a line. The exit code
// is 0 if all went well, 1 if it did not, 2 if the command line was wrong.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks the command to end well; a second one ends it at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
