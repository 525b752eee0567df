package kernels

import "example.com/lowbit/kernels/internal/portable"

func portableID(algorithm string) kernelID {
	return kernelID{isa: "portable", algorithm: algorithm}
}

// The rows that run everywhere.
var (
	portableGEMM = []*gemmRow{
		{kernelID: portableID("popcount"), form: bitsForm{}, tiles: portable.GemmBits[:], nr: portable.Tile, kstep: 64, bits: 1},
		{kernelID: portableID("muladd"), form: codesForm{}, tiles: portable.GemmW8[:], nr: portable.Tile, kstep: 1, bits: 8, group: 1, run: portable.Tile, maxProduct: 127 * 255},
		{kernelID: portableID("shiftadd"), form: &columnsForm{lanes: portable.ShiftAddLanes, inputs: 768, vector: 4, transpose: portable.Columns, add: portable.ShiftAdd},
			nr: 64, kstep: columnsStep, bits: 8 * chunkBytes / chunkSlots},
		{kernelID: portableID("lut"), form: wordsForm{}, nr: portable.Tile, kstep: wordsKStep, bits: 2},
	}
	portableDot = []*dotRow{
		{kernelID: portableID("muladd"), dot: portable.DotW8, bits: 8, run: portable.DotBlock, maxProduct: 127 * 255},
	}
	portableBits = []*bitsRow{
		{kernelID: portableID("popcount"), xor: portable.DotBits, pack: portable.PackBits},
	}
	portableF32 = []*f32Row{
		{kernelID: portableID("float32"), tiles: portable.GemmF32[:], window: portable.WindowF32[:], nr: portable.GemmF32NR},
	}
	portableF32Dot = []*f32DotRow{
		{kernelID: portableID("float32"), dot: portable.DotF32, block: 4},
	}
	portableMixed = []*mixedRow{
		{kernelID: portableID("muladd"), tiles: portable.Mixed[:], nr: portable.MixedNR},
	}
	portableConvInt16 = []*convInt16Row{
		{kernelID: portableID("direct"), tiles: portable.ConvInt16[:], unpack1: portable.UnpackW1, unpack2: portable.UnpackW2, unpack4: portable.UnpackW4},
	}
	portableEpilogue = []*epilogueRow{
		{kernelID: portableID("epilogue"), maxPoolI16: portable.MaxPool[int16], maxPoolI32: portable.MaxPool[int32], maxPoolF32: portable.MaxPool[float32],
			thresholds: portable.Thresholds, thresholdsI16: portable.ThresholdsI16, requantize: portable.Requantize, affine: portable.Affine,
			residualI16: portable.Residual[int16], residualI32: portable.Residual[int32], residualF32: portable.Residual[float32],
			channelSums: portable.ChannelSums[byte, int32], channelSumsF32: portable.ChannelSums[float32, float32]},
	}
	portableTraining = []*trainingRow{
		{kernelID: portableID("training"), codes: portable.Codes, columnSums: portable.ColumnSums, gradientSums: portable.GradientSums, normGradient: portable.NormGradient, maxPoolArg: portable.MaxPoolArg, unpool: portable.Unpool, adam: portable.Adam[:], descend: portable.Descend, momentum: portable.Momentum, steps: portable.Steps, lookUp16: portable.LookUp16, addTo: portable.AddTo, moves: portable.Moves,
			affineOf: portable.AffineOf, affineSum: portable.AffineSum, movesWhole: portable.MovesWhole, bytes: portable.Bytes, nearest: portable.Nearest, slopes: portable.Slopes, largest: portable.Largest, loadEight: portable.LoadEight, storeEight: portable.StoreEight},
	}
)
