//go:build amd64 && !purego

package kernels

import "example.com/lowbit/kernels/internal/avx2"

var archTraining = []*trainingRow{
	{kernelID: amd64ID("avx2", "training", "", all(avx2.CodesFeatures, avx2.ColumnSumsFeatures, avx2.GradientSumsFeatures, avx2.NormGradientFeatures, avx2.MaxPoolArgFeatures, avx2.UnpoolFeatures,
		avx2.AdamFeatures, avx2.DescendFeatures, avx2.MomentumFeatures, avx2.StepsFeatures, avx2.LookUp16Features, avx2.AddToFeatures, avx2.MovesFeatures,
		avx2.AffineOfFeatures, avx2.AffineSumFeatures, avx2.MovesWholeFeatures, avx2.BytesFeatures, avx2.NearestFeatures, avx2.SlopesFeatures, avx2.LargestFeatures, avx2.LoadEightFeatures, avx2.StoreEightFeatures)),
		codes: avx2.Codes, columnSums: avx2.ColumnSums, gradientSums: avx2.GradientSums, normGradient: avx2.NormGradient, maxPoolArg: avx2.MaxPoolArg, unpool: avx2.Unpool, adam: avx2.Adam[:], descend: avx2.Descend, momentum: avx2.Momentum, steps: avx2.Steps, lookUp16: avx2.LookUp16, addTo: avx2.AddTo, moves: avx2.Moves,
		affineOf: avx2.AffineOf, affineSum: avx2.AffineSum, movesWhole: avx2.MovesWhole, bytes: avx2.Bytes, nearest: avx2.Nearest, slopes: avx2.Slopes, largest: avx2.Largest, loadEight: avx2.LoadEight, storeEight: avx2.StoreEight},
}
