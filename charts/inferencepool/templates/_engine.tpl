{{- /* A metric (`name`, `labels`) as the EPP is told of it; empty for none. */}}
{{- define "inferencepool.metricSpec" -}}
{{- $labels := list -}}
{{- range $label, $value := .labels }}{{ $labels = append $labels (printf "%s=%s" $label $value) }}{{ end -}}
{{- .name }}{{ with $labels }}{{ printf "{%s}" (join "," .) }}{{ end -}}
{{- end }}

{{- /* The model server's metrics as JSON: its preset's or modelServer.custom's, else those of the preset that is named after its engine. */}}
{{- define "inferencepool.engineMetrics" -}}
{{- $server := include "inferencepool.modelServer" . | fromJson -}}
{{- if $server.metrics -}}
{{- toJson $server.metrics -}}
{{- else -}}
{{- (.Files.Get (printf "files/model-servers/%s.yaml" $server.engine) | fromYaml).metrics | default dict | toJson -}}
{{- end -}}
{{- end }}

{{- /* Flags that tell the EPP's version the names of the model server's metrics, as a YAML list; nothing for one that has none. */}}
{{- define "inferencepool.metricFlags" -}}
{{- $metrics := include "inferencepool.engineMetrics" . | fromJson -}}
{{- range $metric, $flag := (include "inferencepool.epp" . | fromJson).reader.flags }}
- {{ printf "--%s=%s" $flag (include "inferencepool.metricSpec" (get $metrics $metric | default (dict "name" ""))) | quote }}
{{- end }}
{{- end }}

{{- /* An EndpointPickerConfig, from `config` and `root`: with the model server's metrics as one more engine where the EPP
has a plugin for them and knows none like it. A config that reads metrics its own way stays as it is. */}}
{{- define "inferencepool.withEngine" -}}
{{- $reader := (include "inferencepool.epp" .root | fromJson).reader -}}
{{- $server := include "inferencepool.modelServer" .root | fromJson -}}
{{- if or (not $reader.plugin) (has $server.engine $reader.engines) (contains ($reader.plugin | default "") .config) -}}
{{- .config -}}
{{- else -}}
{{- $metrics := include "inferencepool.engineMetrics" .root | fromJson -}}
{{- $engine := dict "name" $server.engine -}}
{{- range $spec, $metric := dict "queuedRequestsSpec" "queue" "runningRequestsSpec" "running" "kvUsageSpec" "kvCache" "loraSpec" "lora" -}}
{{- with get $metrics $metric }}{{ $_ := set $engine $spec (include "inferencepool.metricSpec" .) }}{{ end -}}
{{- end -}}
{{- $extractor := dict "type" $reader.plugin "parameters" (dict "engineConfigs" (list $engine)) -}}
{{- $config := .config | fromYaml -}}
{{- set $config "plugins" (append $config.plugins $extractor) | toYaml -}}
{{- end -}}
{{- end }}

{{- /* Nothing, or a refusal because the EPP's version has no way to read the model server's metrics. */}}
{{- define "inferencepool.checkMetrics" -}}
{{- $epp := include "inferencepool.epp" . | fromJson -}}
{{- $reader := $epp.reader -}}
{{- $engine := (include "inferencepool.modelServer" . | fromJson).engine -}}
{{- if and $reader.engines (not $reader.plugin) (not (has $engine $reader.engines)) -}}
{{- fail (printf "epp.image.tag is %s, which reads the metrics of %s alone, but the engine of the model server is %s; take another image" $epp.version (join ", " $reader.engines) $engine) -}}
{{- end -}}
{{- if $reader.flags -}}
{{- $metrics := include "inferencepool.engineMetrics" . | fromJson -}}
{{- if not (and $metrics.queue $metrics.kvCache) -}}
{{- fail (printf "modelServer.custom.engine is %s, whose metrics the EPP %s does not know; name them in modelServer.custom.metrics" $engine $epp.version) -}}
{{- end -}}
{{- end -}}
{{- end }}
