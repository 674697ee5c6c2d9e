"""Who may see the dashboard, and where the key goes."""

from playwright.sync_api import expect

from tests.browser.chromium import Dashboard


def without_refusals(dashboard: Dashboard) -> None:
    """A page that asks who one is, is answered 401 as long as nobody is signed in; browsers write that down."""
    dashboard.faults[:] = [fault for fault in dashboard.faults if "401" not in fault]


def test_a_key_in_the_address_signs_in_and_leaves_it(stranger: Dashboard) -> None:
    stranger.sign_in()

    assert "ty_" not in stranger.page.url
    assert "ty_" not in str(stranger.page.evaluate("[history.length, document.cookie, JSON.stringify(localStorage)]"))


def test_a_key_in_the_address_signs_in_where_the_page_is_open_already(stranger: Dashboard) -> None:
    stranger.open("#/jobs")
    stranger.page.get_by_label("Key of this service").wait_for()

    stranger.sign_in()

    assert "ty_" not in stranger.page.url
    without_refusals(stranger)


def test_whoever_has_no_key_is_asked_for_one(stranger: Dashboard) -> None:
    stranger.open("#/jobs")
    stranger.page.get_by_label("Key of this service").fill(stranger.service.endpoint().api_key or "")
    stranger.page.get_by_role("button", name="Sign in").click()

    stranger.page.get_by_role("heading", name="Jobs", exact=True).wait_for()
    without_refusals(stranger)


def test_a_wrong_key_is_refused_in_words(stranger: Dashboard) -> None:
    stranger.open("#/jobs")
    stranger.page.get_by_label("Key of this service").fill("ty_wrong_wrong")
    stranger.page.get_by_role("button", name="Sign in").click()

    expect(stranger.page.get_by_role("alert")).to_contain_text("there is no such key")
    without_refusals(stranger)


def test_whoever_signs_out_is_asked_for_a_key(dashboard: Dashboard) -> None:
    dashboard.page.get_by_role("button", name="Sign out").click()
    dashboard.page.reload()

    dashboard.page.get_by_label("Key of this service").wait_for()
    without_refusals(dashboard)


def test_a_page_whose_key_goes_asks_for_one(dashboard: Dashboard) -> None:
    dashboard.page.context.clear_cookies()

    dashboard.page.get_by_label("Key of this service").wait_for()
    without_refusals(dashboard)
