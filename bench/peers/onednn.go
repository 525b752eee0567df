//go:build peers && !without_onednn

package peers

/*
#cgo LDFLAGS: -ldnnl
#include <stdlib.h>
#include <oneapi/dnnl/dnnl.h>

typedef struct {
	dnnl_primitive_t primitive;
	dnnl_memory_t src, weights, dst;
	dnnl_exec_arg_t args[3];
	size_t packed;
} matmul;

static dnnl_engine_t engine;
static dnnl_stream_t stream;

static dnnl_status_t start(void) {
	dnnl_status_t s = dnnl_engine_create(&engine, dnnl_cpu, 0);
	return s ? s : dnnl_stream_create(&stream, engine, dnnl_stream_default_flags);
}

// reorder copies memory from one layout to another.
static dnnl_status_t reorder(const dnnl_memory_desc_t *from, dnnl_memory_t src, const dnnl_memory_desc_t *to, dnnl_memory_t dst) {
	dnnl_primitive_desc_t desc = NULL;
	dnnl_primitive_t primitive = NULL;
	dnnl_exec_arg_t args[] = {{DNNL_ARG_FROM, src}, {DNNL_ARG_TO, dst}};
	dnnl_status_t s = dnnl_reorder_primitive_desc_create(&desc, from, engine, to, engine, NULL);
	if (!s) s = dnnl_primitive_create(&primitive, desc);
	if (!s) s = dnnl_primitive_execute(primitive, stream, 2, args);
	if (!s) s = dnnl_stream_wait(stream);
	dnnl_primitive_destroy(primitive);
	dnnl_primitive_desc_destroy(desc);
	return s;
}

// matmul_open plans dst = src * weights, of n rows of k weights, which it packs
// into the layout that the library likes best.
static dnnl_status_t matmul_open(matmul *c, int m, int n, int k,
		dnnl_data_type_t src_type, dnnl_data_type_t weights_type, dnnl_data_type_t dst_type,
		void *src, void *weights, void *dst) {
	dnnl_dims_t src_dims = {m, k}, weights_dims = {k, n}, dst_dims = {m, n};
	dnnl_memory_desc_t src_md, rows_md, any_md, dst_md;
	dnnl_matmul_desc_t desc;
	dnnl_primitive_desc_t plan = NULL;
	dnnl_memory_t rows = NULL;
	dnnl_status_t s = dnnl_memory_desc_init_by_tag(&src_md, 2, src_dims, src_type, dnnl_ab);
	if (!s) s = dnnl_memory_desc_init_by_tag(&rows_md, 2, weights_dims, weights_type, dnnl_ba);
	if (!s) s = dnnl_memory_desc_init_by_tag(&any_md, 2, weights_dims, weights_type, dnnl_format_tag_any);
	if (!s) s = dnnl_memory_desc_init_by_tag(&dst_md, 2, dst_dims, dst_type, dnnl_ab);
	if (!s) s = dnnl_matmul_desc_init(&desc, &src_md, &any_md, NULL, &dst_md);
	if (!s) s = dnnl_primitive_desc_create(&plan, &desc, NULL, engine, NULL);
	if (!s) s = dnnl_primitive_create(&c->primitive, plan);
	if (!s) {
		const dnnl_memory_desc_t *packed = dnnl_primitive_desc_query_md(plan, dnnl_query_weights_md, 0);
		c->packed = dnnl_memory_desc_get_size(packed);
		s = dnnl_memory_create(&c->weights, packed, engine, DNNL_MEMORY_ALLOCATE);
		if (!s) s = dnnl_memory_create(&rows, &rows_md, engine, weights);
		if (!s) s = reorder(&rows_md, rows, packed, c->weights);
		dnnl_memory_destroy(rows);
	}
	if (!s) s = dnnl_memory_create(&c->src, &src_md, engine, src);
	if (!s) s = dnnl_memory_create(&c->dst, &dst_md, engine, dst);
	dnnl_primitive_desc_destroy(plan);
	c->args[0] = (dnnl_exec_arg_t){DNNL_ARG_SRC, c->src};
	c->args[1] = (dnnl_exec_arg_t){DNNL_ARG_WEIGHTS, c->weights};
	c->args[2] = (dnnl_exec_arg_t){DNNL_ARG_DST, c->dst};
	return s;
}

static dnnl_status_t matmul_run(matmul *c) {
	dnnl_status_t s = dnnl_primitive_execute(c->primitive, stream, 3, c->args);
	return s ? s : dnnl_stream_wait(stream);
}

static void matmul_close(matmul *c) {
	dnnl_memory_destroy(c->src);
	dnnl_memory_destroy(c->weights);
	dnnl_memory_destroy(c->dst);
	dnnl_primitive_destroy(c->primitive);
	free(c);
}
*/
import "C"

import (
	"fmt"
	"runtime"
	"unsafe"

	"example.com/lowbit/bench/suite"
)

// oneDNN is the yardstick for everything of at most 8 bits: its u8 by int8
// product is the best there is for CPUs that have instructions for it.
func init() {
	libraries["onednn"] = func() (library, error) {
		if s := C.start(); s != 0 {
			return library{}, fmt.Errorf("onednn: no engine: status %d", s)
		}
		v := C.dnnl_version()
		return library{
			version: fmt.Sprintf("%d.%d.%d isa-%#x", v.major, v.minor, v.patch, C.dnnl_get_effective_cpu_isa()),
			products: []suite.Peer{
				{Impl: "peer-onednn-u8s8", Formats: int8U8, Plan: oneDNNInt8},
				{Impl: "peer-onednn", Formats: suite.FloatFormats, Plan: oneDNNFloat32},
			},
		}, nil
	}
}

func oneDNNInt8(p suite.Problem) (*suite.Call, error) {
	return oneDNN(p, [3]C.dnnl_data_type_t{C.dnnl_u8, C.dnnl_s8, C.dnnl_s32}, &p.Codes[0], &p.Weights[0], &p.Sums[0])
}

func oneDNNFloat32(p suite.Problem) (*suite.Call, error) {
	return oneDNN(p, [3]C.dnnl_data_type_t{C.dnnl_f32, C.dnnl_f32, C.dnnl_f32}, &p.X[0], &p.W[0], &p.Dst[0])
}

// oneDNN keeps src and dst pinned for as long as the library knows them.
func oneDNN[S, W, D any](p suite.Problem, types [3]C.dnnl_data_type_t, src *S, weights *W, dst *D) (*suite.Call, error) {
	var pin runtime.Pinner
	pin.Pin(src)
	pin.Pin(dst)
	c := (*C.matmul)(C.calloc(1, C.sizeof_matmul))
	stop := func() { C.matmul_close(c); pin.Unpin() }
	status := C.matmul_open(c, C.int(p.M), C.int(p.N), C.int(p.K), types[0], types[1], types[2],
		unsafe.Pointer(src), unsafe.Pointer(weights), unsafe.Pointer(dst))
	if status != 0 {
		stop()
		return nil, fmt.Errorf("onednn: no plan: status %d", status)
	}
	return &suite.Call{
		Run: func() {
			if status := C.matmul_run(c); status != 0 {
				panic(fmt.Sprintf("onednn: status %d", status))
			}
		},
		Packed: int(c.packed),
		Close:  stop,
	}, nil
}
