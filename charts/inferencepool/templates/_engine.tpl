{{- /* A metric (`name`, `labels`) as the EPP is told of it; empty for none. */}}
{{- define "inferencepool.metricSpec" -}}
{{- $labels := list -}}
{{- range $label, $value := .labels }}{{ $labels = append $labels (printf "%s=%s" $label $value) }}{{ end -}}
{{- .name }}{{ with $labels }}{{ printf "{%s}" (join "," .) }}{{ end -}}
{{- end }}

{{- /* An EndpointPickerConfig, from `config` and `root`: with modelServer.custom.metrics as one more engine where the EPP
knows none like it. A config that reads metrics its own way stays as it is. */}}
{{- define "inferencepool.withEngine" -}}
{{- $custom := .root.Values.modelServer.custom -}}
{{- if or (ne .root.Values.modelServer.preset "custom") $custom.engine (contains "core-metrics-extractor" .config) -}}
{{- .config -}}
{{- else -}}
{{- $engine := dict "name" "custom" -}}
{{- range $spec, $metric := dict "queuedRequestsSpec" "queue" "runningRequestsSpec" "running" "kvUsageSpec" "kvCache" "loraSpec" "lora" -}}
{{- with get $custom.metrics $metric }}{{ $_ := set $engine $spec (include "inferencepool.metricSpec" .) }}{{ end -}}
{{- end -}}
{{- $extractor := dict "type" "core-metrics-extractor" "parameters" (dict "engineConfigs" (list $engine)) -}}
{{- $config := .config | fromYaml -}}
{{- set $config "plugins" (append $config.plugins $extractor) | toYaml -}}
{{- end -}}
{{- end }}
