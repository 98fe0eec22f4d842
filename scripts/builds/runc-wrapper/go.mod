module inferencepool-rollout/builds/runc-wrapper

go 1.26.0
