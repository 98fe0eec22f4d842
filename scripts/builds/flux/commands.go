//go:build commands

// Package commands names the programs that this module builds, so that go.mod and go.sum pin them.
package commands

import _ "github.com/fluxcd/helm-controller"
