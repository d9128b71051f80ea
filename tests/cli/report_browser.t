The page of a report in a real browser.

  ? command -v chromium || command -v google-chrome
  $ mkdir w && cd w && echo one >a && firn save -q -m first && echo '<script>alert(1)</script>' >a && firn save -q -m '<img src=//x.invalid>'
  1
  2
  $ firn report -q -o ../out.html && python3 $SOURCE/tests/cli/report_page.py ../out.html --browser
  the browser shows it, has nothing to say, and asked for nothing
