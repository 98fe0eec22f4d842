//go:build commands

// Package commands names the programs that this module builds, so that go.mod and go.sum pin them.
package commands

import (
	_ "sigs.k8s.io/gateway-api-inference-extension/cmd/epp"
)
