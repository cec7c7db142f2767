"""YAML with the line of every key, no duplicates, no aliases."""

from typing import Any

import yaml

from pushgate.errors import ConfigurationError, PushgateError

KeyPath = tuple[str | int, ...]

MAX_DEPTH = 20


def load_with_lines(name: str, text: bytes) -> tuple[Any, dict[KeyPath, int]]:
    """Parse one YAML document into plain values, and map each key path to its line (from 1).

    Raises:
        ConfigurationError: for a syntax error, every duplicate key, an alias or nesting deeper than 20.
    """
    reader = _Reader(name)
    try:
        loader = yaml.SafeLoader(text.decode("utf-8"))
        try:
            node = loader.get_single_node()
            data = reader.value(loader, node, ()) if node is not None else {}
        finally:
            loader.dispose()
    except UnicodeDecodeError as error:
        raise ConfigurationError(
            [PushgateError(f"{name}: not UTF-8 at byte {error.start}", "save the file as UTF-8")]
        ) from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else 1
        problem = getattr(error, "problem", None) or "not valid YAML"
        raise ConfigurationError([PushgateError(f"{name}:{line}: {problem}", "check the indentation")]) from None
    if reader.problems:
        raise ConfigurationError(reader.problems)
    return data, reader.lines


class _Reader:
    """Walk the node tree once, collecting lines and faults."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.lines: dict[KeyPath, int] = {}
        self.problems: list[PushgateError] = []
        self.seen: set[int] = set()

    def value(self, loader: yaml.SafeLoader, node: yaml.Node, path: KeyPath) -> Any:
        """Turn a node into a plain value."""
        line = node.start_mark.line + 1
        self.lines.setdefault(path, line)
        # An alias gives the same node again: refusing it also refuses the "billion laughs".
        if id(node) in self.seen or len(path) > MAX_DEPTH:
            self.complain(line, path, "aliases and deep nesting are not supported", "write the value out")
            return None
        self.seen.add(id(node))
        if not node.tag.startswith("tag:yaml.org,2002:") or "/" in node.tag:
            self.complain(line, path, "tags are not supported", "remove the word that starts with an exclamation mark")
            return None
        if isinstance(node, yaml.MappingNode):
            return self.mapping(loader, node, path)
        if isinstance(node, yaml.SequenceNode):
            return [self.value(loader, item, (*path, index)) for index, item in enumerate(node.value)]
        return loader.construct_object(node)

    def mapping(self, loader: yaml.SafeLoader, node: yaml.MappingNode, path: KeyPath) -> dict[str, Any]:
        """Turn a mapping into a dict, complaining about keys that stand there twice."""
        result: dict[str, Any] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None:
                self.complain(line, path, "a key must be a word", "check the indentation")
                continue
            if key in result:
                first = self.lines[(*path, key)]
                self.complain(line, (*path, key), f"duplicate key, first on line {first}", "keep one of them")
                continue
            self.lines[(*path, key)] = line
            result[key] = self.value(loader, value_node, (*path, key))
        return result

    def complain(self, line: int, path: KeyPath, message: str, hint: str) -> None:
        """Note a fault and go on, so that all are reported at once."""
        key = ".".join(str(part) for part in path) or "(top level)"
        self.problems.append(PushgateError(f"{self.name}:{line}: {key}: {message}", hint))
