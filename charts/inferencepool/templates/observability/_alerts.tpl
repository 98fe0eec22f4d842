{{- /* Relabelings that give a target's series the label `inferencepool`, from the release. */}}
{{- define "inferencepool.poolLabel" -}}
relabelings:
  - targetLabel: inferencepool
    replacement: {{ .Release.Name | quote }}
{{- end }}

{{- /* The same of the release for Google's Managed Service for Prometheus. */}}
{{- define "inferencepool.poolLabelOfGoogle" -}}
metricRelabeling:
  - targetLabel: inferencepool
    replacement: {{ .Release.Name | quote }}
{{- end }}

{{- /* The alerts of a rollout as a YAML map: name to `expr`, `for`, `severity`, `summary`, from observability.alerts.
       An alert is left out where the EPP's version has no series for it. */}}
{{- define "inferencepool.alerts" -}}
{{- $own := printf "namespace=%q,inferencepool=%q" .Release.Namespace .Release.Name }}
{{- $vllmOrSglang := "(vllm|sglang):time_to_first_token_seconds_bucket" }}
{{- $names := printf "%s|trtllm_time_to_first_token_seconds_bucket" $vllmOrSglang }}
{{- $firstToken := printf "{__name__=~%q,%s}" $names $own }}
{{- $epp := (include "inferencepool.epp" . | fromJson).series }}
{{- $alerts := .Values.observability.alerts -}}
PoolHasNoReadyPod:
  expr: max({{ $epp.readyPods }}{ {{- $own -}} }) == 0
  for: 1m
  severity: critical
  summary: no pod of the pool is ready
PoolPickerIsGone:
  expr: absent({{ $epp.readyPods }}{ {{- $own -}} })
  for: 2m
  severity: critical
  summary: no endpoint picker of the pool shows its metrics
{{- with $epp.attempts }}
PoolPicksFail:
  expr: sum(rate({{ . }}{ {{- $own -}} ,status="failure"}[2m])) > 0
  for: 1m
  severity: critical
  summary: the endpoint picker finds no pod for requests
{{- end }}
PoolErrors:
  expr: >-
    100 * sum(rate({{ $epp.errors }}{ {{- $own -}} }[2m]))
    / sum(rate({{ $epp.requests }}{ {{- $own -}} }[2m])) > {{ $alerts.errorPercent }}
  for: 2m
  severity: critical
  summary: more than {{ $alerts.errorPercent }} % of the requests fail
PoolFirstTokenIsLate:
  expr: >-
    histogram_quantile(0.95, sum by (le) (rate({{ $firstToken }}[5m])))
    > {{ $alerts.firstTokenSeconds }}
  for: 5m
  severity: warning
  summary: 5 % of the first tokens take longer than {{ $alerts.firstTokenSeconds }} s
PoolQueueIsLong:
  expr: max({{ $epp.queue }}{ {{- $own -}} }) > {{ $alerts.queuedRequests }}
  for: 5m
  severity: warning
  summary: more than {{ $alerts.queuedRequests }} requests wait in each pod
PoolKVCacheIsFull:
  expr: 100 * max({{ $epp.kvCache }}{ {{- $own -}} }) > {{ $alerts.kvCachePercent }}
  for: 5m
  severity: warning
  summary: more than {{ $alerts.kvCachePercent }} % of the KV cache is in use
{{- if eq (include "inferencepool.loraMode" .) "syncer" }}
PoolAdapterIsMissing:
  expr: min by (adapter_name) (lora_syncer_adapter_status{ {{- $own -}} }) == 0
  for: 5m
  severity: warning
  summary: a pod does not serve one of its adapters
PoolAdaptersConfigIsRefused:
  expr: min(lora_syncer_config_valid{ {{- $own -}} }) == 0
  for: 2m
  severity: warning
  summary: the configuration of the adapters is refused, and the last good one stays in force
{{- end }}
{{- end }}
