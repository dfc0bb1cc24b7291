"""Sources: the Python expressions of what guards look at, read inertly.

Layer: bundle. Torch pickles a source as its class and its fields: `AttrSource(LocalSource('self'), 'weight')` is
`L['self'].weight`.

Source: `torch/_dynamo/source.py`, the `_name_template` of each class, 2.13.0 to 2.15.0.
"""

from __future__ import annotations

from megacache.bundle.placeholders import PickledObject, Value, shown

_TEMPLATES = {
    "LocalSource": "L[{0}]",
    "SyntheticLocalSource": "SYNTHETIC_LOCAL[{0}]",
    "GlobalSource": "G[{0}]",
    "GlobalWeakRefSource": "G[{0}]()",
    "RandomValueSource": "random_value_{0}",
    "ImportSource": "__import__({0})",
    "ConstantSource": "{0}",
    "LocalCellSource": "{0}",
    "GlobalStateSource": "",
    "ShapeEnvSource": "",
    "BackwardStateSource": "",
}
"""How the classes that begin an expression write it; a field stands as Python writes it."""

_CHAINED = {
    "CallFunctionNoArgsSource": "{0}()",
    "WeakRefCallSource": "{0}()",
    "TypeDictSource": "dict({0}.__dict__)",
    "TypeMROSource": "{0}.__mro__",
    "TypeSource": "type({0})",
    "CodeSource": "{0}.__code__",
    "ClosureSource": "{0}.__closure__",
    "SkipGuardSource": "{0}",
    "NNModuleSource": "{0}",
    "UnspecializedNNModuleSource": "{0}",
    "UnspecializedBuiltinNNModuleSource": "{0}",
    "FSDPNNModuleSource": "{0}",
    "OptimizerSource": "{0}",
    "NegateSource": "{0}.__neg__()",
    "ConvertIntSource": "cast_symbool_to_symint_guardless({0})",
    "DynamicScalarSource": "int({0})",
    "NumpyTensorSource": "___from_numpy({0})",
    "FloatTensorSource": "___as_tensor({0})",
    "CallMethodItemSource": "{0}.item()",
    "SubclassAttrListSource": "{0}.__tensor_flatten__()[0]",
    "GetItemSource": "{0}[{1}]",
    "ListGetItemSource": "{0}[{1}]",
    "DictGetItemSource": "{0}[{1}]",
    "DictSubclassGetItemSource": "{0}[{1}]",
    "ConstDictKeySource": "list(dict.keys({0}))[{1}]",
    "NonSerializableSetGetItemSource": "___set_getitem({0}, {1})",
    "TupleIteratorGetItemSource": "___tuple_iterator_getitem({0}, {1})",
    "DefaultsSource": "{0}.__defaults__[{1}]",  # of a keyword: `__kwdefaults__`
}
"""How the classes that go on from another source write it: `{0}` is that source, `{1}` the next field."""

_ATTRIBUTES = (
    *("AttrSource", "CellContentsSource", "GenericAttrSource", "GradSource", "ParamBufferSource"),
    "UnspecializedParamBufferSource",
)
_PROPERTIES = ("size()", "stride()", "storage_offset()")

_LONGEST_CHAIN = 30
_DEEPEST_KEY = 1
_LONGEST_FIELD = 200


def source_name(value: Value, depth: int = 0) -> str:
    """Write a source as the expression that it stands for.

    Args:
        value: One of torch's sources; anything else is written as Python would.
        depth: How many keys it stands in: the key of a dict may be a source itself.

    Returns:
        Such as `L['x'].size()[0]`. A class that is not known is named, with its first field.
    """
    chain: list[PickledObject] = []
    while isinstance(value, PickledObject) and len(chain) < _LONGEST_CHAIN:
        chain.append(value)
        if _class_name(value) in _TEMPLATES or not isinstance(value.arguments, tuple) or not value.arguments:
            break
        value = value.arguments[0]
    if not chain:
        return shown(value, _LONGEST_FIELD)
    name = _beginning(chain.pop())
    for each in reversed(chain):
        name = _continued(name, each, depth)
    return name


def _class_name(source: PickledObject) -> str:
    return source.name.rpartition(".")[2][:_LONGEST_FIELD]


def _beginning(source: PickledObject) -> str:
    fields = source.arguments if isinstance(source.arguments, tuple) else ()
    template = _TEMPLATES.get(_class_name(source))
    if template is None:
        return f"{_class_name(source)}(…)"
    return template.format(shown(fields[0] if fields else None, _LONGEST_FIELD))


def _continued(base: str, source: PickledObject, depth: int) -> str:
    class_name = _class_name(source)
    fields = source.arguments if isinstance(source.arguments, tuple) else ()
    if class_name == "TensorPropertySource":
        return f"{base}.{_property(fields)}"
    field = fields[1] if len(fields) > 1 else None
    if class_name in _ATTRIBUTES and isinstance(field, str):
        is_plain = all(part.isidentifier() for part in field[:_LONGEST_FIELD].split("."))
        key = shown(field, _LONGEST_FIELD)
        return f"{base}.{field[:_LONGEST_FIELD]}" if is_plain else f"getattr({base}, {key})"
    is_source = isinstance(field, PickledObject) and depth < _DEEPEST_KEY
    key = source_name(field, depth + 1) if is_source else shown(field, _LONGEST_FIELD)
    template = _CHAINED.get(class_name)
    if template is None:
        return f"{class_name}({base})"
    if class_name == "DefaultsSource" and isinstance(field, str):
        template = template.replace("defaults", "kwdefaults")
    return template.format(base, key)


def _property(fields: tuple[Value, ...]) -> str:
    """Write `size()[0]`: the enumeration is pickled by its number."""
    which = fields[1].arguments if len(fields) > 1 and isinstance(fields[1], PickledObject) else ()
    number = which[0] if isinstance(which, tuple) and which else None
    name = _PROPERTIES[number] if type(number) is int and 0 <= number < len(_PROPERTIES) else "property"
    return name if name == "storage_offset()" else f"{name}[{shown(fields[2] if len(fields) > 2 else None, 20)}]"
