{{- /* An image reference: the keys that `image` sets over those of `preset`, and global.imageRegistry of `root`.
       Without a registry or a tag the container runtime has its own. */}}
{{- define "inferencepool.image" -}}
{{- $image := merge (pick .image "registry" "repository" "tag" "digest") (.preset | default dict) }}
{{- $registry := .root.Values.global.imageRegistry | default $image.registry }}
{{- with $registry }}{{ . }}/{{ end }}
{{- $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}
{{- else if $image.tag }}:{{ $image.tag }}
{{- end }}
{{- end }}
