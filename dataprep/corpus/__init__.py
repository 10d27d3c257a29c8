"""Token corpora on disk and the stream of samples drawn from them: shards, mix, sampler, packing, trace."""
