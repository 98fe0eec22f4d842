// No program is built here: the module's CRDs are those of the API generation x-k8s.
module inferencepool-rollout/builds/inference-extension-0.5

go 1.26.0

require (
	sigs.k8s.io/gateway-api-inference-extension v0.5.1
)
