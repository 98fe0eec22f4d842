{{- /* The metrics of the model server as JSON: its preset's or modelServer.custom's, else those of the preset that is
       named after its engine. */}}
{{- define "inferencepool.engineMetrics" -}}
{{- $server := include "inferencepool.modelServer" . | fromJson }}
{{- $metrics := $server.metrics }}
{{- if not $metrics }}
  {{- $metrics = (.Files.Get (printf "files/model-servers/%s.yaml" $server.engine) | fromYaml).metrics }}
{{- end }}
{{- $metrics | default dict | toJson }}
{{- end }}

{{- /* A metric (`name`, `labels`) in the EPP's form; empty for none. */}}
{{- define "inferencepool.metricSpec" -}}
{{- $labels := list }}
{{- range $label, $value := .labels }}
  {{- $labels = append $labels (printf "%s=%s" $label $value) }}
{{- end }}
{{- .name }}
{{- with $labels }}
  {{- printf "{%s}" (join "," .) }}
{{- end }}
{{- end }}

{{- /* Flags that name the model server's metrics, as a JSON list; empty for an EPP version without such flags. */}}
{{- define "inferencepool.metricFlags" -}}
{{- $metrics := include "inferencepool.engineMetrics" . | fromJson }}
{{- $flags := list }}
{{- range $metric, $flag := (include "inferencepool.epp" . | fromJson).reader.flags }}
  {{- $spec := include "inferencepool.metricSpec" (get $metrics $metric | default (dict "name" "")) }}
  {{- $flags = append $flags (printf "--%s=%s" $flag $spec) }}
{{- end }}
{{- toJson $flags }}
{{- end }}

{{- /* The model server's engine and metrics as JSON, an entry of `engineConfigs` of the EPP's plugin. */}}
{{- define "inferencepool.engineConfig" -}}
{{- $metrics := include "inferencepool.engineMetrics" . | fromJson }}
{{- $engine := dict "name" (include "inferencepool.modelServer" . | fromJson).engine }}
{{- $keys := dict
  "queuedRequestsSpec" "queue"
  "runningRequestsSpec" "running"
  "kvUsageSpec" "kvCache"
  "loraSpec" "lora"
}}
{{- range $key, $metric := $keys }}
  {{- with get $metrics $metric }}
    {{- $_ := set $engine $key (include "inferencepool.metricSpec" .) }}
  {{- end }}
{{- end }}
{{- toJson $engine }}
{{- end }}

{{- /* Path of the model server's metrics, where it is not the /metrics at which an EPP looks by itself; else empty.
       */}}
{{- define "inferencepool.otherMetricsPath" -}}
{{- $path := (include "inferencepool.modelServer" . | fromJson).metricsPath }}
{{- ternary "" $path (eq $path "/metrics") }}
{{- end }}
