"""What an answer has to be, and whether it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import jsonschema
from jsonschema.exceptions import SchemaError
from jsonschema.validators import validator_for
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

from inferencepool_rollout.quality.reply import Reply


class ExpectedCall(BaseModel):
    """A tool call that the answer has to make."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Name of the function.")
    arguments: Mapping[str, Any] | None = Field(default=None, description="Arguments that it needs, others allowed.")


class Expect(BaseModel):
    """Conditions of an answer's content; all that are given must hold."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, extra="forbid", frozen=True)

    exact: str | None = Field(default=None, description="The whole answer, without blanks around it.")
    contains: str | None = Field(default=None, description="A part of the answer.")
    regex: str | None = Field(default=None, description="Python regular expression that is found in the answer.")
    json_schema: dict[str, Any] | bool | None = Field(default=None, description="Schema that the answer fulfils.")
    tool_call: ExpectedCall | None = Field(default=None, description="A tool that is called.")
    finish_reason: str | None = Field(default=None, description="The answer's finish_reason, as `stop`.")

    @field_validator("regex")
    @classmethod
    def _compiles(cls, value: str | None) -> str | None:
        try:
            re.compile(value or "")
        except re.error as error:
            raise ValueError(f"{value!r} is not a regular expression: {error}") from None
        return value

    @field_validator("json_schema")
    @classmethod
    def _is_schema(cls, value: dict[str, Any] | bool | None) -> dict[str, Any] | bool | None:
        if value is not None:
            try:
                validator_for(value).check_schema(value)  # type: ignore[arg-type]  # true and false are schemas too
            except SchemaError as error:
                raise ValueError(f"not a JSON schema: {error.message}") from None
        return value

    @model_validator(mode="after")
    def _something(self) -> Expect:
        if all(value is None for value in self.__dict__.values()):
            raise ValueError("`expect` is empty; leave it out if the prompt is only compared between the pools")
        return self

    def unmet(self, reply: Reply) -> str:
        """Say which condition a reply does not fulfil; empty if it fulfils all."""
        if reply.problem:
            return reply.problem
        text = reply.text.strip()
        if self.exact is not None and text != self.exact.strip():
            return f"is not exactly {self.exact!r}"
        if self.contains is not None and self.contains not in reply.text:
            return f"does not contain {self.contains!r}"
        if self.regex is not None and not re.search(self.regex, reply.text):
            return f"does not match {self.regex!r}"
        if self.finish_reason is not None and reply.finish != self.finish_reason:
            return f"ended with {reply.finish or 'no finish_reason'}, not {self.finish_reason}"
        return self._unmet_schema(text) or self._unmet_call(reply)

    def _unmet_schema(self, text: str) -> str:
        if self.json_schema is None:
            return ""
        try:
            jsonschema.validate(json.loads(text), self.json_schema)
        except (ValueError, RecursionError):
            return "is not JSON"
        except jsonschema.ValidationError as error:
            return f"does not fulfil the schema at {error.json_path}: {error.message}"
        except Exception as error:  # a $ref that leads nowhere shows only now
            return f"cannot be held to the schema: {type(error).__name__}: {error}"
        return ""

    def _unmet_call(self, reply: Reply) -> str:
        if self.tool_call is None:
            return ""
        calls = [call for call in reply.calls if call.name == self.tool_call.name]
        if not calls:
            return f"does not call {self.tool_call.name}"
        wanted = self.tool_call.arguments or {}
        if not any(_has(call.arguments, wanted) for call in calls):
            return f"calls {self.tool_call.name} with other arguments than {json.dumps(wanted)}"
        return ""


def _has(arguments: Any, wanted: Mapping[str, Any]) -> bool:
    return isinstance(arguments, dict) and all(
        key in arguments and arguments[key] == value for key, value in wanted.items()
    )
