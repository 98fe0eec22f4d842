{{- /* The chosen preset of modelServer.preset as JSON, completed from modelServer, lora, model and pool: image, command,
args, env, paths, engine, metrics and the rest of files/model-servers/README.md. */}}
{{- define "inferencepool.modelServer" -}}
{{- include "inferencepool.once" (dict "root" . "of" "inferencepool.modelServerPreset") -}}
{{- end }}

{{- /* inferencepool.modelServer from its file. */}}
{{- define "inferencepool.modelServerPreset" -}}
{{- $preset := .Files.Get (printf "files/model-servers/%s.yaml" .Values.modelServer.preset) | fromYaml -}}
{{- if eq .Values.modelServer.preset "custom" -}}
{{- $preset = mergeOverwrite $preset (merge (dict "engine" (.Values.modelServer.custom.engine | default "custom")) .Values.modelServer.custom) -}}
{{- end -}}
{{- $pipelineArgs := ternary list ($preset.pipelineArgs | default list) (eq (int .Values.modelServer.pipelineParallelSize) 1) -}}
{{- $loraArgs := ternary list ($preset.loraArgs | default list) (eq .Values.lora.mode "none") -}}
{{- $loraEnv := get ($preset.loraEnv | default dict) .Values.lora.mode | default list -}}
{{- $_ := set $preset "args" (concat ($preset.args | default list) $pipelineArgs $loraArgs) -}}
{{- $_ := set $preset "env" (concat ($preset.env | default list) $loraEnv) -}}
{{- $text := toJson $preset -}}
{{- range $word, $value := include "inferencepool.words" . | fromJson -}}
{{- $text = replace (printf "{%s}" $word) (toJson $value | trimAll "\"") $text -}}
{{- end -}}
{{- $text -}}
{{- end }}

{{- /* What the words in braces of a preset stand for, as JSON of strings, from modelServer, lora, model and pool. */}}
{{- define "inferencepool.words" -}}
{{- dict
  "modelPath" (include "inferencepool.modelPath" .)
  "model" .Values.model.name
  "port" (toString .Values.pool.targetPort)
  "tensorParallelSize" (include "inferencepool.tensorParallelSize" .)
  "pipelineParallelSize" (toString .Values.modelServer.pipelineParallelSize)
  "longestGenerationSeconds" (toString .Values.modelServer.drain.longestGenerationSeconds)
  "maxLoras" (toString .Values.lora.maxLoras)
  "maxRank" (toString .Values.lora.maxRank)
  "maxCpuLoras" (toString .Values.lora.maxCpuLoras)
  | toJson -}}
{{- end }}

{{- /* Image of the model server, from `root` and `preset`: modelServer.image over the accelerator's over the preset's. */}}
{{- define "inferencepool.modelServerImage" -}}
{{- $preset := .preset -}}
{{- with .root -}}
{{- $accelerator := include "inferencepool.accelerator" . | fromJson -}}
{{- $set := dict -}}
{{- range $key, $value := omit .Values.modelServer.image "pullPolicy" }}{{ if $value }}{{ $_ := set $set $key $value }}{{ end }}{{ end -}}
{{- $ofAccelerator := get ($accelerator.images | default dict) .Values.modelServer.preset | default dict -}}
{{- include "inferencepool.image" (dict "root" . "image" (merge $set $ofAccelerator $preset.image)) -}}
{{- end -}}
{{- end }}

{{- /* What the server loads: model.name from a hub, else the folder that model.source mounts. */}}
{{- define "inferencepool.modelPath" -}}
{{- with .Values.model.source -}}
{{- eq .type "hub" | ternary $.Values.model.name (printf "/models/%s" .path | trimSuffix "/") -}}
{{- end -}}
{{- end }}

{{- /* Accelerators of a pod, or of all pods of a group, from accelerator.count and leaderWorkerSet. */}}
{{- define "inferencepool.accelerators" -}}
{{- mul .Values.accelerator.count (ternary .Values.leaderWorkerSet.size 1 .Values.leaderWorkerSet.enabled) -}}
{{- end }}

{{- /* Accelerators that share each layer: modelServer.tensorParallelSize, else all over modelServer.pipelineParallelSize. */}}
{{- define "inferencepool.tensorParallelSize" -}}
{{- .Values.modelServer.tensorParallelSize | default (div (include "inferencepool.accelerators" .) .Values.modelServer.pipelineParallelSize) -}}
{{- end }}

{{- /* Pods (or groups) of the pool when nothing scales it: modelServer.replicas, else 1. */}}
{{- define "inferencepool.replicas" -}}
{{- with .Values.modelServer -}}
{{- kindIs "invalid" .replicas | ternary 1 .replicas -}}
{{- end -}}
{{- end }}

{{- /* Environment of the model server, from `root` and `preset`: the preset's, the token's of model.huggingFaceToken,
modelServer.extraEnv; empty for none. */}}
{{- define "inferencepool.modelServerEnv" -}}
{{- $env := .preset.env | default list -}}
{{- with .root.Values.model.huggingFaceToken -}}
{{- if .secretName -}}
{{- $env = append $env (dict "name" "HF_TOKEN" "valueFrom" (dict "secretKeyRef" (dict "name" .secretName "key" .key))) -}}
{{- end -}}
{{- end -}}
{{- with concat $env .root.Values.modelServer.extraEnv }}{{ toYaml . }}{{ end -}}
{{- end }}

{{- /* Labels of the pods of a part (model-server or model-server-worker), from `root`, `component` and `preset`:
modelServer.podLabels, those of the selectors, and whose metrics the EPP finds there, if they aren't vLLM's. */}}
{{- define "inferencepool.modelServerLabels" -}}
{{- $own := include "inferencepool.ownLabels" . | fromYaml -}}
{{- $engine := dict "inference.networking.k8s.io/engine-type" .preset.engine -}}
{{- $adopt := .root.Values.adopt -}}
{{- merge (dict) $adopt.modelServer.selector $adopt.pool.selector $own (ternary dict $engine (eq .preset.engine "vllm")) .root.Values.modelServer.podLabels | toYaml -}}
{{- end }}

{{- /* Startup probe of the server, from `root` and `preset`: its health path, or with modelServer.warmUp a first token. */}}
{{- define "inferencepool.startupProbe" -}}
{{- $program := .root.Files.Get "files/warm-up.py" -}}
{{- $about := list (toString .root.Values.pool.targetPort) .root.Values.model.name -}}
{{- $preset := .preset -}}
{{- with .root.Values.modelServer -}}
{{- if .warmUp.enabled -}}
exec:
  command:
    {{- concat $preset.warmUpCommand (list $program) $about (list (toString .warmUp.timeoutSeconds)) | toYaml | nindent 4 }}
timeoutSeconds: {{ add .warmUp.timeoutSeconds 5 }}
{{- else -}}
httpGet:
  path: {{ $preset.healthPath }}
  port: http
{{- end }}
periodSeconds: 1
failureThreshold: {{ .startupSeconds }}
{{- end -}}
{{- end }}

{{- /* Image of the syncer: lora.syncer.image, its tag the chart's appVersion if empty. */}}
{{- define "inferencepool.syncerImage" -}}
{{- $image := merge (dict "tag" (.Values.lora.syncer.image.tag | default .Chart.AppVersion)) .Values.lora.syncer.image -}}
{{- include "inferencepool.image" (dict "root" . "image" $image) -}}
{{- end }}

{{- /* The syncer's configuration in the guide's shape, from lora, model and pool. */}}
{{- define "inferencepool.adapters" -}}
vLLMLoRAConfig:
  name: {{ include "inferencepool.adaptersName" . }}
  port: {{ .Values.pool.targetPort }}
  defaultBaseModel: {{ .Values.model.name | quote }}
  ensureExist:
    {{- if not .Values.lora.adapters }}
    models: []
    {{- else }}
    models:
      {{- range .Values.lora.adapters }}
      - id: {{ .id | quote }}
        source: {{ .source | quote }}
        {{- with .baseModel }}
        base-model: {{ . | quote }}
        {{- end }}
      {{- end }}
    {{- end }}
  {{- with .Values.lora.absent }}
  ensureNotExist:
    models:
      {{- range . }}
      - id: {{ .id | quote }}
      {{- end }}
  {{- end }}
{{- end }}
