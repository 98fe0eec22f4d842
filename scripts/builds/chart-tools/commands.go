//go:build commands

// Package commands names the programs that this module builds, so that go.mod and go.sum pin them.
package commands

import (
	_ "github.com/helm/chart-testing/v3/ct"
	_ "github.com/norwoodj/helm-docs/cmd/helm-docs"
)
