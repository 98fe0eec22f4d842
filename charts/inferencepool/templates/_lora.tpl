{{- /* Arguments that load lora.adapters when the model server starts, from lora (mode static) and model. */}}
{{- define "inferencepool.loraModules" -}}
{{- if and (eq .Values.lora.mode "static") .Values.lora.adapters }}
- --lora-modules
{{- range .Values.lora.adapters }}
- {{ dict "name" .id "path" .source "base_model_name" $.Values.model.name | toJson | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- /* The names of aliases, with commas, that only the EPP makes a model of: no model server has them itself. */}}
{{- define "inferencepool.rewrittenOnly" -}}
{{- $served := list .Values.model.name -}}
{{- range .Values.lora.adapters }}{{ $served = append $served .id }}{{ end -}}
{{- $names := list -}}
{{- range .Values.aliases }}{{ if not (has .model $served) }}{{ $names = append $names .model }}{{ end }}{{ end -}}
{{- join ", " $names -}}
{{- end }}

{{- /* Names that every pod of the pool has to serve, as a JSON list: lora.adapters and, unless a request loads them, the targets of aliases. */}}
{{- define "inferencepool.expectedModels" -}}
{{- $names := list -}}
{{- range .Values.lora.adapters }}{{ $names = append $names .id }}{{ end -}}
{{- if ne .Values.lora.mode "resolver" -}}
{{- range .Values.aliases }}{{ range .targets }}{{ $names = append $names .model }}{{ end }}{{ end -}}
{{- end -}}
{{- $names | uniq | sortAlpha | toJson -}}
{{- end }}
