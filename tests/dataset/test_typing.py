from __future__ import annotations

from arny_studio.dataset.document import Document
from arny_studio.dataset.edits import Change, SetRow


def test_that_typing_joins_into_one_step_until_it_pauses(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a":0}\n')
    document = Document.open(path)
    for number, text in enumerate((b'{"a":1}', b'{"a":12}', b'{"a":3}', b'{"a":34}')):
        if number == 2:
            document.pause_typing()
        document.apply(Change("Type", (SetRow(0, text),)), join=True)
    assert document.undo() == "Type" and document.raw(0) == b'{"a":12}'
    assert document.undo() == "Type" and document.raw(0) == b'{"a":0}'
    assert document.undo() is None
    document.close()
