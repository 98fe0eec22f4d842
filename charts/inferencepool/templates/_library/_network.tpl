{{- /* The pods of one `component` of this release as a NetworkPolicyPeer, from `root`. */}}
{{- define "inferencepool.peer" -}}
- podSelector:
    matchLabels:
      {{- include "inferencepool.selector" . | nindent 6 }}
{{- end }}

{{- /* An egress rule to the DNS of the cluster, whose pods listen on 53, on OpenShift on 5353. */}}
{{- define "inferencepool.egressToDns" -}}
- ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
    - {port: 5353, protocol: UDP}
    - {port: 5353, protocol: TCP}
{{- end }}

{{- /* Who sends requests, as a JSON list of NetworkPolicyPeer from networkPolicy.gateways (empty for anyone): beside
       those the balancers of GKE, which also check health from these addresses
       (https://cloud.google.com/load-balancing/docs/firewall-rules). */}}
{{- define "inferencepool.gatewayPeers" -}}
{{- $peers := .Values.networkPolicy.gateways }}
{{- if and $peers (eq .Values.provider "gke") }}
  {{- range list "35.191.0.0/16" "130.211.0.0/22" }}
    {{- $peers = append $peers (dict "ipBlock" (dict "cidr" .)) }}
  {{- end }}
{{- end }}
{{- toJson $peers }}
{{- end }}
