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
