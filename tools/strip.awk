# strip.awk - C without comments and string contents, line for line, each
# line as FILE:LINE:text, so that what greps it never sees prose
FNR == 1 { in_comment = 0 }
{
	s = $0
	out = ""
	while (s != "") {
		if (in_comment) {
			i = index(s, "*/")
			if (!i) { s = ""; break }
			s = substr(s, i + 2)
			in_comment = 0
			out = out " "
			continue
		}
		i = match(s, /\/\*|\/\/|"|'/)
		if (!i) { out = out s; break }
		out = out substr(s, 1, i - 1)
		if (substr(s, i, 2) == "/*") {
			in_comment = 1
			s = substr(s, i + 2)
		} else if (substr(s, i, 2) == "//") {
			s = ""
		} else {
			q = substr(s, i, 1)
			s = substr(s, i + 1)
			out = out q
			while (s != "" && substr(s, 1, 1) != q) {
				if (substr(s, 1, 1) == "\\")
					s = substr(s, 2)
				s = substr(s, 2)
			}
			s = substr(s, 2)
			out = out q
		}
	}
	print FILENAME ":" FNR ":" out
}
