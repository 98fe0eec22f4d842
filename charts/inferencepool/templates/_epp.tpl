{{- /* The EndpointPickerConfig: the file that epp.plugins.preset names, or epp.plugins.custom. */}}
{{- define "inferencepool.plugins" -}}
{{- with .Values.epp.plugins -}}
{{- ternary .custom ($.Files.Get (printf "files/plugins/%s.yaml" .preset)) (eq .preset "custom") -}}
{{- end -}}
{{- end }}

{{- /* Health service that a probe (`liveness` or `readiness`) asks for: with several replicas only the leader is ready. */}}
{{- define "inferencepool.eppHealthService" -}}
{{- ternary .probe "inference-extension" (gt (int .root.Values.epp.replicas) 1) -}}
{{- end }}

{{- /* Flags of the EPP as a YAML list, from epp and the release. */}}
{{- define "inferencepool.eppArgs" -}}
- --pool-name
- {{ .Release.Name | quote }}
- --pool-namespace
- {{ .Release.Namespace | quote }}
- --pool-group
- inference.networking.k8s.io
- --v
- {{ .Values.epp.verbosity | quote }}
- --zap-encoder
- json
- --grpc-port
- "9002"
- --grpc-health-port
- "9003"
- --metrics-port
- "9090"
- --config-file
- /config/plugins.yaml
- --tracing=false
- --secure-serving={{ .Values.epp.tls }}
- --metrics-endpoint-auth={{ .Values.epp.metricsAuth }}
{{- if gt (int .Values.epp.replicas) 1 }}
- --ha-enable-leader-election
{{- end }}
{{- range $flag, $value := .Values.epp.flags }}
- --{{ $flag }}={{ $value }}
{{- end }}
{{- end }}
