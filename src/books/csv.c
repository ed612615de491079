#include "books/csv.h"

static void
write_cell(struct buf *b, struct slice s, bool guard)
{
	bool quote = false;
	size_t i;

	for (i = 0; i < s.len; i++)
		quote = quote || strchr(",\"\r\n", s.p[i]) != NULL;
	if (quote)
		buf_char(b, '"');
	if (guard)
		buf_char(b, '\'');
	for (i = 0; i < s.len; i++) {
		if (s.p[i] == '"')
			buf_char(b, '"');
		buf_char(b, s.p[i]);
	}
	if (quote)
		buf_char(b, '"');
}

void
csv_cell(struct buf *b, struct slice s)
{
	write_cell(b, s, false);
}

void
csv_name(struct buf *b, struct slice s)
{
	write_cell(b, s, s.len > 0 && strchr("=+-@\t\r", s.p[0]) != NULL);
}
