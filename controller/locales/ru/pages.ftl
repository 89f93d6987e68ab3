# Страницы контроллера. Ключ записан здесь и в en/pages.ftl; тест сравнивает.
product-name = Цифровая образовательная среда: оборудование школ
skip-to-content = К содержанию
nav-label = Основные разделы
crumbs-label = Где вы
nav-overview = Обзор
nav-organizations = Организации
nav-devices = Устройства
nav-tokens = Токены
nav-review = Двойники и копии
nav-operators = Операторы
nav-activity = Журнал действий
nav-password = Сменить пароль
nav-logout = Выйти
footer-time = Время страницы
pager-label = Страницы списка
pager-previous = Назад
pager-next = Вперёд
search = Найти
copy = Скопировать
yes = да
no = нет
never = ни разу
state = Состояние
actions = Действия
device = Устройство
devices = Устройства
organization = Организация
municipality = Муниципалитет
municipality-any = Все муниципалитеты
kind = Вид
inn = ИНН
kpp = КПП
ogrn = ОГРН
contingent = Учащихся
source-of-record = Источник записи
room = Кабинет
place = Корпус и кабинет
hardware = Оборудование
last-seen = Последняя связь

login-title = Вход
login-login = Имя для входа
login-password = Пароль
login-enter = Войти
login-hint = Имя и одноразовый пароль выдаёт администратор региона. После нескольких ошибок подряд вход закрывается на время.
login-refused = Имя или пароль неверны, либо вход временно закрыт после нескольких неудачных попыток. Проверьте раскладку и попробуйте ещё раз через несколько минут.

password-title = Смена пароля
password-forced = Вы вошли с одноразовым паролем. Придумайте свой, чтобы продолжить.
password-current = Нынешний пароль
password-new = Новый пароль
password-again = Новый пароль ещё раз
password-rule = Не короче 10 знаков и не совпадает с именем для входа.
password-change = Сменить пароль
password-wrong = Нынешний пароль введён неверно.
password-short = Новый пароль короче 10 знаков.
password-common = Такой пароль подбирают первым: придумайте другой.
password-long = Новый пароль длиннее 200 знаков.
password-same-as-login = Новый пароль совпадает с именем для входа.
password-same-as-old = Новый пароль совпадает с нынешним.
password-differs = Новый пароль введён дважды по-разному.

overview-title = Обзор
overview-organizations = { $count ->
    [one] организация
    [few] организации
   *[many] организаций
}
overview-devices = { $count ->
    [one] устройство
    [few] устройства
   *[many] устройств
}
overview-seen = на связи за 24 часа
overview-silent = молчат больше 7 дней
overview-never = ни разу не прислали отчёт
overview-today = зарегистрировано сегодня
overview-recent = На связи за 24 часа
overview-all = Все устройства на связи
overview-municipalities = По муниципалитетам
overview-empty-title = Устройств пока нет
overview-empty = Создайте токен на странице организации, установите агент на компьютер и выполните на нём:
overview-empty-token = ТОКЕН
durability-sqlite = Гарантия сохранности: отчёт подтверждается после записи на диск этого сервера (SQLite, полная синхронизация).
durability-postgres-synchronous = Гарантия сохранности: отчёт подтверждается после записи на диск и на синхронную реплику (PostgreSQL).
durability-postgres-synchronous-away = Внимание: синхронная реплика PostgreSQL не на связи, поэтому отчёты сейчас не подтверждаются. Агенты хранят их у себя и пришлют позже; ничего не теряется. Верните реплику или исключите её из synchronous_standby_names.
durability-postgres-asynchronous = Гарантия сохранности: отчёт подтверждается после записи на диск сервера базы; реплика PostgreSQL асинхронная, и при переключении на неё последние подтверждённые отчёты могут пропасть.
durability-postgres-local = Гарантия сохранности: отчёт подтверждается после записи на диск сервера базы (PostgreSQL без синхронной реплики: при её потере последние отчёты могут пропасть).
durability-postgres-relaxed = Внимание: PostgreSQL настроен подтверждать запись до диска (fsync = off); подтверждённые отчёты могут пропасть при сбое.

organizations-search = Название, ИНН или ОГРН
organizations-found = { $count ->
    [one] Найдена { $shown } организация
    [few] Найдены { $shown } организации
   *[many] Найдено { $shown } организаций
}
building-title = Корпус { $number }
target = норма { $rate }
rooms-none = Кабинеты этого корпуса не внесены.
room-add = Добавить кабинет
room-add-do = Добавить
room-number = Номер
room-name = Название
room-purpose = Назначение
rooms-whole-building = весь корпус, без кабинета
room-exists = Кабинет с таким номером в этом корпусе уже есть.
room-number-missing = Укажите номер кабинета: не больше 20 знаков.
devices-none = Здесь ещё нет устройств. Создайте токен и зарегистрируйте первое.

devices-search = Имя, модель, серийный номер, процессор
devices-filter = Связь
devices-filter-any = Все
devices-filter-seen = На связи за 24 часа
devices-filter-silent = Молчат больше 7 дней
devices-filter-never = Ни одного отчёта
devices-filter-today = Зарегистрированы сегодня
devices-filter-stated = Со слов другой системы
devices-filter-left = Выведены из учёта агентом
devices-found = { $count ->
    [one] { $shown } устройство
    [few] { $shown } устройства
   *[many] { $shown } устройств
}
devices-collect-do = Проверить оборудование всех сейчас
device-unnamed = Без имени
device-place = Где и когда
device-move = Переместить в кабинет
device-move-do = Переместить
device-revoke = Отозвать сертификат
device-revoke-reason = Почему
device-revoke-do = Отозвать
device-revoke-why = После отзыва компьютер не сможет присылать отчёты. Вернуть его можно новым токеном: cos-agent enroll --again ТОКЕН.
device-collect-do = Проверить оборудование сейчас
device-revoked = Сертификат отозван
device-enrolled = Зарегистрировано
device-agent = Версия агента
device-clock = Часы устройства
device-id = Номер устройства
device-clock-unknown = ещё не сверялись
device-clock-right = верны (расхождение меньше 2 секунд)
device-clock-ahead = спешат на { $time }
device-clock-behind = отстают на { $time }
duration-seconds = { $count ->
    [one] { $shown } секунду
    [few] { $shown } секунды
   *[many] { $shown } секунд
}
duration-minutes = { $count ->
    [one] { $shown } минуту
    [few] { $shown } минуты
   *[many] { $shown } минут
}
duration-hours = { $count ->
    [one] { $shown } час
    [few] { $shown } часа
   *[many] { $shown } часов
}
duration-days = { $count ->
    [one] { $shown } сутки
    [few] { $shown } суток
   *[many] { $shown } суток
}
chain-title = Цепочка отчётов
chain-why = Каждый отчёт подписан ключом устройства и назван контрольной суммой следующего: пропажа или подмена отчёта видна.
chain-place = Эпоха и номер
chain-head = Последний отчёт
chain-key = Ключ устройства
chain-unbroken = не прерывалась
chain-broken = есть разрывы
chain-forked = есть развилка
chain-empty = отчётов ещё нет
finding-times = { $count ->
    [one] всего { $shown } раз
    [few] всего { $shown } раза
   *[other] всего { $shown } раз
}
finding-first = впервые { $at }
sections-label = Разделы этой страницы
section-partial = прочитано не всё
section-failed = прочитать не удалось
section-missing = Этот раздел ещё не поступал.
section-unreadable = Раздел получен и сохранён, но записан в форме, которой эта версия контроллера не знает. Обновите контроллер.
section-empty = Такого оборудования нет.
section-problems = Что агент не смог прочитать:
section-unknown = Поля, которых эта версия контроллера не знает (сохранены как есть):
section-received = Получено
packages-count = { $count ->
    [one] { $shown } пакет
    [few] { $shown } пакета
   *[many] { $shown } пакетов
}
packages-search = Найти в списке
reports = Отчёты
reports-kept-since = Все отчёты хранятся начиная с месяца { $month }; более ранние удалены по сроку хранения, кроме тех, на которых держится нынешнее состояние.
reports-found = { $count ->
    [one] { $shown } отчёт
    [few] { $shown } отчёта
   *[many] { $shown } отчётов
}
report-place = Эпоха и номер
report-received = Получен
report-device-time = Часы устройства
report-digest = Контрольная сумма

tokens-why = Токен — это строка, QR-код или файл, с которыми техник регистрирует компьютеры в нужном кабинете. Сама строка показывается один раз, при создании. Новый токен создают на странице организации.
tokens-found = { $count ->
    [one] { $shown } токен
    [few] { $shown } токена
   *[many] { $shown } токенов
}
tokens-none = Токенов ещё нет.
token-new = Создать токен
token-create = Создать токен
token-place = Куда попадут компьютеры
token-uses = Использован
token-uses-limit = Сколько компьютеров можно зарегистрировать
token-days = Сколько дней действует
token-expires = Действует до
token-proxy = Прокси школы (если есть)
token-proxy-hint = Адрес вида http://10.0.0.1:3128. Агент выйдет через него с первого раза.
token-note = Примечание
token-revoke = Отозвать
token-no-building = У организации нет ни одного корпуса. Сначала загрузите реестр.
token-created = Токен создан
token-once = Скопируйте токен сейчас: больше он показан не будет. Контроллер хранит только его контрольную сумму.
token-line = Строка токена
token-file = Скачать файлом
token-how = На компьютере с установленным агентом выполните:
token-qr = Тот же токен QR-кодом
token-back = К организации
token-uses-wrong = Число компьютеров — от 1 до 1000.
token-days-wrong = Срок — от 1 до 365 дней.
token-proxy-wrong = Адрес прокси начинается с http:// и содержит имя или IP-адрес и порт.
token-place-wrong = Выберите корпус или кабинет этой организации.
token-note-wrong = Примечание не длиннее 200 знаков.

import-title = Загрузка реестра
import-why = Файл CSV (UTF-8) или XLSX с организациями, корпусами и кабинетами. Сначала будет показано, что появится, изменится и чего в файле нет; ничего не меняется, пока вы не подтвердите. То, чего в файле нет, само не исчезает.
import-file = Файл реестра
import-preview = Показать изменения
import-preview-title = Что изменится
import-errors = Ошибки по строкам
import-errors-why = Пока в файле есть ошибки, загрузить его нельзя: реестр меняется целиком или никак. Исправьте строки и загрузите файл снова.
import-line = Строка
import-column = Столбец
import-error = Что не так
import-subject = Запись
import-change = Изменение
import-new = Новые
import-new-why = Появятся в реестре.
import-changed = Изменившиеся
import-changed-why = Прежние значения останутся в истории.
import-vanished = Отсутствуют в файле
import-vanished-why = Останутся как есть: решение о ликвидации или реорганизации принимает человек.
import-same = без изменений
import-more = и ещё { $shown }
import-confirm = Подтвердить загрузку
import-discard = Отменить
import-outdated = Реестр изменился после того, как был показан этот список. Загрузите файл снова.
import-warnings = Обратите внимание
import-no-file = Выберите файл.
import-nothing = Файл не отличается от реестра.

operator = Оператор
operator-new = Новый оператор
operator-role = Роль
operator-scope = Область
operator-scope-region = весь регион
operator-created = Создан
operator-name = Как подписывать (должность или имя)
operator-login-rule = Латинские буквы, цифры, точка, дефис; от 3 до 64 знаков.
operator-municipality = Муниципалитет (для муниципального оператора)
operator-organization = Организация (для школьного техника)
operator-organization-rule = ОГРН (13 цифр) или номер из адреса её страницы.
operator-create = Создать оператора
operator-disable = Отключить
operator-reset = Новый пароль
operator-password-title = Одноразовый пароль
operator-password-once = Передайте пароль оператору лично: больше он показан не будет. При первом входе его придётся сменить.
operator-login-wrong = Имя для входа: латинские буквы, цифры, точка, дефис, от 3 до 64 знаков.
operator-login-taken = Такое имя для входа уже занято.
operator-name-wrong = Укажите, как подписывать оператора: до 120 знаков.
operator-role-wrong = Выберите роль из списка.
operator-scope-wrong = Для этой роли укажите её область: муниципальному оператору — муниципалитет, школьному технику — организацию, остальным — ничего.

activity-why = Кто, когда и что сделал. Записи только добавляются: изменить или удалить их на этих страницах нельзя.
activity-found = { $count ->
    [one] { $shown } запись
    [few] { $shown } записи
   *[many] { $shown } записей
}
activity-at = Когда
activity-action = Действие
activity-subject = Предмет
activity-detail = Подробности

trust-title = Как доверять этому серверу
trust-why = Сертификат этого сервера выдан собственным удостоверяющим центром региона, поэтому браузер может предупреждать о нём. Чтобы предупреждение исчезло, установите корневой сертификат региона — один раз на каждом рабочем месте.
trust-step-check = 1. Сверьте отпечаток
trust-check = Сравните отпечаток с тем, что сообщил вам региональный оператор по телефону или письмом. Если хоть один знак отличается, ничего не устанавливайте.
trust-fingerprint = SHA-256 корневого сертификата
trust-step-install = 2. Установите сертификат
trust-download = Скачать корневой сертификат
trust-windows = Windows: откройте файл, «Установить сертификат» → «Локальный компьютер» → «Доверенные корневые центры сертификации».
trust-linux = Linux: скопируйте файл в /usr/local/share/ca-certificates и выполните update-ca-certificates (ALT, РЕД ОС: /etc/pki/ca-trust/source/anchors и update-ca-trust).
trust-firefox = Firefox: Настройки → Приватность и защита → Сертификаты → Просмотр → Центры сертификации → Импортировать.
trust-agents = Агентам это не нужно: отпечаток уже записан в их токене.

error-home = На главную
error-400-title = Запрос не понят
error-400 = Адрес или форма заполнены неверно. Вернитесь назад и попробуйте ещё раз.
error-403-title = Недостаточно прав
error-403 = Ваша роль не разрешает этого. Если так и должно быть — обратитесь к администратору региона.
error-403-csrf-title = Форма устарела
error-403-csrf = Форма открыта слишком давно или прислана с другого сайта. Вернитесь назад, обновите страницу и отправьте её снова. Ничего не изменено.
error-404-title = Страница не найдена
error-404 = По этому адресу ничего нет, или это не относится к вашей организации.
error-405-title = Так сюда обратиться нельзя
error-405 = Этот адрес не принимает такого запроса.
error-413-title = Файл слишком велик
error-413 = Присланное больше допустимого. Разделите файл на части.
error-503-title = База данных недоступна
error-503 = Контроллер не может обратиться к базе данных, или на её диске нет места. Ничего не потеряно; попробуйте через минуту.
error-500-title = Внутренняя ошибка
error-500 = Она записана в журнал контроллера. Попробуйте ещё раз; если повторится, сообщите администратору время и адрес страницы.

review-why = Компьютер узнаётся по ключу, а номера его деталей — приметы. Здесь собраны случаи, когда ключ и приметы говорят разное: что система решила сама и что нужно решить человеку. Любое решение можно отменить.
review-which = Какие случаи показаны
review-open = Ждут решения
review-all = Все
review-found = { $count ->
    [one] { $shown } случай
    [few] { $shown } случая
   *[other] { $shown } случаев
}
review-times = { $count ->
    [one] замечено { $shown } раз
    [few] замечено { $shown } раза
   *[other] замечено { $shown } раз
}
review-none = Таких случаев нет.
review-case = Случай
review-seen = Замечен
review-and = и
review-unnamed = без имени
review-decided = Решил
review-reason = Причина
review-elsewhere = Вторая запись в другой школе
review-elsewhere-why = Она не в вашем ведении; решение примет администратор региона.
review-merged-away = объединена с другой
review-evidence = Что совпадает и что различается
review-part = Примета
review-both = Совпадает
review-known = Только прежнее
review-present = Только новое
review-weight = Вес
review-weight-why = Плюс — за то, что компьютер один, минус — за то, что их два. Заводские заглушки и номера, которые стоят на многих компьютерах, не весят ничего; детали, которые не прочитались, не говорят ни за, ни против.
review-common = встречается у многих, не учтено
review-copies = { $count ->
    [one] { $shown } копия с собственной записью
    [few] { $shown } копии с собственными записями
   *[other] { $shown } копий с собственными записями
}
review-copies-why = Копии числятся в том же корпусе без кабинета: укажите его на странице устройства.
review-decide = Решение
review-merge-why = Если это один компьютер, объедините записи. Отчёты обеих остаются на своих местах, обе цепочки видны; объединение можно отменить.
review-keep = Какая запись останется
review-merge-do = Объединить
review-undo-do = Отменить решение
review-undo-why = Записи снова станут такими, какими были до решения; ключи, выданные с тех пор, вернутся к своей записи.
review-split = Это разные компьютеры: разделить запись
review-split-why = Ключ вместе со своими отчётами и цепочкой получит отдельную запись. Агенту будет выдан сертификат на неё.
review-split-key = Какой ключ отделить (впервые замечен)
review-split-do = Отделить
review-dismiss = Отклонить: решать нечего
review-dismiss-do = Отклонить
review-related = Связанные записи
review-of-copy = Это копия диска устройства
review-merged-into = Запись объединена с устройством
review-merged-here = С этой записью объединены
review-cases = Случаи

nav-evidence = Доказательства
overview-checkpoint = Новейшая контрольная точка:
device-export = Выгрузить отчёты с подписями
evidence-newest = Новейшая контрольная точка
evidence-line-why = Отправьте эту строку тому, кто не зависит от региона, или распечатайте её: всё, что в ней учтено, после этого никто не изменит и не добавит незаметно. Последнее слово строки проверяет, нет ли в ней опечатки.
evidence-none = Контрольных точек ещё нет: первая берётся в первые минуты работы контроллера.
evidence-take = Взять точку сейчас
evidence-export = Выгрузка
evidence-export-why = Архив проверяется без сервера и сети: отчёты в том виде, в каком их получил контроллер, подписи, сертификаты, контрольные точки.
evidence-whose = Организация или устройство
evidence-whose-rule = ОГРН организации или номер устройства с его страницы.
evidence-from = Первый день
evidence-to = Последний день, включительно
evidence-download = Скачать архив
evidence-verify = Проверить архив на любом компьютере:
evidence-span-wrong = Укажите дни как ГГГГ-ММ-ДД; первый не позже последнего.
evidence-whose-wrong = Такой организации или устройства в вашей области нет: проверьте ОГРН или номер.
evidence-checkpoints = Контрольные точки
evidence-why = Раз в сутки контроллер сводит последние отчёты всех устройств и все выданные сертификаты в одну строку и сцепляет её с предыдущей. Кто сохранил строку, может доказать, что учтённое в ней с тех пор не изменили и не дополнили, даже если это захотел сделать сам регион.
evidence-at = Учтено всё до
evidence-chains = Цепочек
evidence-log = Записей о сертификатах
evidence-line = Строка

nav-changes = Что изменилось
nav-parts = Поиск деталей
nav-names = Справочник названий
changes-why = Что стало с оборудованием с прошлого раза: какие детали пропали, появились или переехали в другое устройство, где изменились объём памяти, процессор, система. Деталь, ушедшая из одного устройства и найденная в другом, — одна строка.
changes-at = Когда
changes-kind = Что произошло
changes-kind-any = Всё
changes-what = Деталь или свойство
changes-school = Школа (название или его часть)
changes-school-unknown = Такой школы в вашей области нет.
changes-school-which = Таких школ несколько. Какая из них?
changes-more = показаны новейшие; остальные видны по школам
changes-found = { $count ->
    [one] { $shown } изменение
    [few] { $shown } изменения
   *[many] { $shown } изменений
}
changes-from = раньше — в устройстве
changes-also = тот же номер называет
changes-left-at = пропала оттуда { $at }
changes-presumed = прежнее устройство с тех пор молчит: проверьте на месте
changes-elsewhere = устройство другой организации
part = Деталь
part-slot = Место
part-first-seen = Впервые
part-last-seen = Последний раз
part-here = на месте
part-gone = больше нет
parts-why = В каком устройстве стоит эта деталь сейчас и где она была раньше. Учитываются детали с собственным номером: модули памяти, диски, платы, экраны, батареи, сетевые карты.
parts-search = Серийный номер (с начала), заводской адрес, модель или номер детали
parts-hint = Введите номер с этикетки или модель.
parts-more = есть и другие: уточните запрос
parts-found = { $count ->
    [one] { $shown } деталь
    [few] { $shown } детали
   *[many] { $shown } деталей
}
history = История деталей
history-none = Деталей с собственным номером это устройство не назвало.
history-teach = Назвать незнакомый код
names-why = Компьютеры сообщают коды: PCI и USB, производителя памяти по JEDEC, модель панели. Как они называются, знает этот справочник: что внесли люди, показывается прежде того, что поставляется с программой.
names-taught = Внесено людьми
names-none = Пока ничего: хватает того, что поставляется.
names-teach = Внести название
names-shipped = Поставляется с программой
names-count = { $count ->
    [one] { $shown } название
    [few] { $shown } названия
   *[many] { $shown } названий
}
name-code = Код
name-name = Название (у панели — дюймы)
name-source = Откуда известно
name-who = Кто внёс
name-when = Когда
name-forget = Убрать
name-teach-do = Внести
name-code-rule = PCI и USB: 8086:5916 или один производитель 8086. JEDEC: 80CE. Панель: модель, как на странице устройства.
name-source-rule = Например: этикетка на плате, паспорт панели, рулетка.
name-wrong = Название — от 1 до 80 знаков.
name-inches-wrong = Диагональ панели пишут в дюймах: 15,6 или 86.
name-source-wrong = Напишите, откуда это известно: до 200 знаков.


# Сведения других систем
evidence-stated = со слов другой системы
overview-stated = со слов другой системы
stated-why = Об этом компьютере рассказала другая система учёта, его агент ничего не подписывал. Эти сведения нельзя проверить; они не заменяют того, что сообщают агенты. Когда на компьютере заработает агент, появится случай «возможный двойник», и человек решит, одно ли это устройство.
stated-origin = Со слов
stated-client = Программа
stated-file = Файл
stated-looked-at = Осмотрен (по часам компьютера)
stated-imported = Загружено
stated-foreign-id = Имя в другой системе
stated-retire-do = Снять с учёта
stated-return-do = Вернуть на учёт
device-import-do = Загрузить из GLPI или OCS
device-import-title = Сведения других систем
device-import-why = Файлы GLPI (JSON) и FusionInventory или OCS (XML), по одному компьютеру в каждом. Устройства появятся с пометкой «со слов другой системы»: такие сведения нельзя проверить, и они не заменяют того, что сообщают агенты. Сведения о людях (пользователи, процессы, владельцы, имена принтеров с фамилиями) отбрасываются до записи.
device-import-place = Где стоят компьютеры
device-import-files = Файлы
device-import-too-many = Не больше { $shown } файлов за раз.
device-import-nothing = Записывать нечего.
device-import-device = Компьютер
device-import-outcome = Что будет
device-import-sections = Разделы
device-import-stripped = Не сохраняется
device-import-stripped-why = Каждый файл записывается целиком или никак. В последнем столбце — ключи со сведениями о людях: их содержание не сохраняется.
device-import-outcome-new = новое
device-import-outcome-changed = изменилось
device-import-outcome-unchanged = без изменений
device-import-outcome-older = старее загруженного, пропускается
device-import-outcome-refused = не принимается
device-import-other-hardware = Другая система так же называет другой компьютер; это отдельное устройство.
device-import-left-out = Записей сверх предела не сохранено: { $shown }.
device-import-fault-unreadable = Файл не читается
device-import-fault-too-large = Файл больше допустимого, байт
device-import-fault-empty = Файл пуст
device-import-fault-compressed = Файл сжат; распакуйте его
device-import-fault-not-text = Это не текст, строка
device-import-fault-unknown-format = Это не JSON и не XML
device-import-fault-broken-json = JSON нарушен, строка и столбец
device-import-fault-several-documents = В файле список; нужен один документ в файле
device-import-fault-broken-xml = XML нарушен, байт
device-import-fault-doctype = XML с объявлением DOCTYPE не принимается
device-import-fault-too-deep = XML вложен слишком глубоко
device-import-fault-too-many-elements = В XML слишком много элементов
device-import-fault-not-request = Корень XML — не REQUEST
device-import-fault-no-device-id = Нет deviceid: по нему компьютер узнаётся в следующем файле
device-import-fault-no-content = Нет content
device-import-fault-not-a-computer = Это описание не компьютера
device-import-fault-not-an-inventory = Это не инвентаризация
device-import-fault-states-nothing = Об устройстве ничего не сказано
device-import-fault-partial-of-unknown = Частичная инвентаризация неизвестного устройства; сначала загрузите полную
device-import-fault-section-too-large = Раздел больше допустимого
device-import-fault-contended = Тот же файл загружает кто-то ещё; повторите
nav-lines = Интернет
lines-title = Интернет в школах
lines-by-municipality = По муниципалитетам
lines-total = Всего корпусов
lines-how = Корпус оценивается по замерам последних 28 дней: только учебные часы, только случайно выбранные минуты, недействительные замеры не усредняются. Скорость — на уровне IP, к школе. «Прошло / действит.» — сколько действительных замеров не ниже норматива; p10 — скорость, которой не превышает один замер из десяти.
line-standing = Состояние
line-standing-any = Любое состояние
line-norm = Норматив
line-contracted = По договору
line-median = Медиана
line-tenth = p10
line-passes = Прошло / действит.
line-invalid = Недействительные замеры
line-measured-at = Последний замер
line-workbook = Книга XLSX
line-act = Акт замеров
line-generated = Учебные данные: эти замеры придуманы для демонстрации, никто ничего не измерял.
line-due = Срок 31.12.2021
line-due-not-proven = за показанное время соответствие не доказано
line-due-before = за показанное время впервые доказано { $date }, до срока
line-due-after = за показанное время впервые доказано { $date }, после срока
line-span = Период
line-chart = Замеры по времени
line-chart-title = Скорость линии по времени: { $school }
line-chart-norm = Норматив { $rate }
line-chart-contract = Договор { $rate }
line-chart-before-due = до срока
line-chart-after-due = после срока
line-chart-weeks = состояние на конец недели
line-attempts = Попыток в учебные часы
line-proven-share = Доказанная доля уроков
line-worst-hour = Худший час
line-full-drains = С выбранным запасом скорости / глубоких
line-not-counted = Показаны, но не засчитаны
line-one-sided = Односторонних (могли показать только соответствие)
line-samples = Замеры
line-samples-none = За это время линию никто не измерял.
line-sample-at = Время
line-sample-direction = Направление
line-sample-carried = Скорость IP
line-sample-verdict = Вывод
line-sample-why = Причины и примечания
line-sample-how = Как измерено
line-note-generated = учебные данные
line-note-out-of-lessons = вне учебных часов, не засчитан
line-note-one-sided = мог показать только соответствие
line-note-deep = глубокий замер
line-note-full-drain = запас скорости выбран до конца
line-note-short-drain = запас скорости выбран коротко
line-note-raw = сам способ показал { $rate }
line-contract = Скорость по договору
line-contract-none = Договорная скорость ещё не записана.
line-contract-unknown = не известна
line-contract-document = Договор: номер и дата
line-contract-at = Записано
line-contract-by = Кто
line-contract-speed = Мбит/с
line-contract-save = Записать
line-contract-rule = Пустая скорость — больше не известна. Прежние записи остаются.
line-contract-speed-wrong = Скорость — число в Мбит/с, не больше трёх знаков после запятой.
line-contract-document-wrong = Укажите договор: номер и дату, не длиннее 200 знаков.
line-rule = По какому правилу
line-rule-version = Правило { $version }.
line-rule-tolerance = Допуск: { $share } норматива.
line-rule-share = Норматив выполнен, если доказано с уверенностью 95 %, что он выполняется не меньше чем в { $share } уроков (односторонняя граница Клоппера — Пирсона).
line-rule-least = Меньше { $count } действительных замеров ничего не доказывают.
line-rule-lessons = Учебные часы { $hours } по времени муниципалитета, кроме воскресений и лета.
line-rule-valid = Недобор признаётся, только если его причиной не могло быть ничто, кроме линии: проводная карта с запасом скорости, свободный компьютер, сервер держал темп, соседи молчали, линия была полна. Недействительные замеры не усредняются.
line-act-title = Акт замеров скорости доступа в интернет
line-act-address = Адрес
line-act-period = Период
line-act-result = Итог
line-act-samples = Все замеры, действительные и недействительные
line-act-evidence = Доказательства
line-act-evidence-how = Каждый замер подписан ключом компьютера и стоит в цепочке его отчётов. Выгрузка доказательств проверяется программой cos-controller evidence verify без участия контроллера; строка контрольной точки ниже доказывает, что отчёты не появились позже неё.
line-act-school = За образовательную организацию
line-act-provider = За оператора связи
line-act-sign = _____________________ / _____________________ /  «___» ____________ 20___ г.
overview-lines = Интернет: состояние корпусов
lines-found = { $count ->
    [one] { $shown } корпус
    [few] { $shown } корпуса
   *[many] { $shown } корпусов
}
line-samples-found = { $count ->
    [one] { $shown } замер
    [few] { $shown } замера
   *[many] { $shown } замеров
}
line-note-together = { $count ->
    [one] вместе с { $shown } компьютером
   *[other] { $shown } компьютера вместе
}

# Когда включался
uptime = Когда включался
uptime-none = Ещё ни один день не завершён: о том, когда компьютер работал, агент сообщает раз в день.
uptime-never = За { $days } учебных дней не включался ни разу.
uptime-summary = Включался в { $ran } из { $days } учебных дней; в такой день работал в среднем { $mean }, из них в учебные часы { $lessons }.
uptime-by-days = По дням
uptime-day = День
uptime-ran = Работал
uptime-off = не включался
uptime-minutes = { $minutes } мин
uptime-hours = { $hours } ч
uptime-hours-minutes = { $hours } ч { $minutes } мин
uptime-started = Включён:
uptime-own-clock = по часам компьютера
uptime-why = Четверти часа, в которые работал агент, по времени муниципалитета; сон компьютера не считается. Светлая полоса — учебные часы. Агент сообщает только о том, что компьютер включён, и ничего о том, кто и что на нём делал.
