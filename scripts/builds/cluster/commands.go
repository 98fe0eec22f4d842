//go:build commands

// Package commands names the programs that this module builds, so that go.mod and go.sum pin them.
package commands

import (
	_ "github.com/coredns/coredns"
	_ "github.com/llm-d/llm-d-inference-sim/cmd/llm-d-inference-sim"
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
	_ "k8s.io/kubernetes/cmd/kube-controller-manager"
	_ "k8s.io/kubernetes/cmd/kube-proxy"
	_ "k8s.io/kubernetes/cmd/kube-scheduler"
	_ "k8s.io/kubernetes/cmd/kubeadm"
	_ "k8s.io/kubernetes/cmd/kubectl"
	_ "k8s.io/kubernetes/cmd/kubelet"
	_ "sigs.k8s.io/gateway-api-inference-extension/cmd/epp"
)
