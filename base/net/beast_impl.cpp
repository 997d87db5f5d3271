// The one file that compiles Beast; http_message.cpp is the only other one that sees it.
#include <boost/beast/src.hpp>
