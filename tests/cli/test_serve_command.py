"""``onestroke serve`` of folders that are not pages."""


def test_a_folder_without_a_page_is_refused(mistake, tmp_path):
    assert "onestroke export --format web" in mistake("serve", tmp_path)
